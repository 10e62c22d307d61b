import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Refused } from '../../oracle/production.ts'
import { environmentOf, type Servers, startServers } from '../../servers/all.ts'
import { startCqlProxy } from '../../servers/cql-proxy.ts'
import { type HttpProxy, startHttpProxy } from '../../servers/http-proxy.ts'
import { type LossyProxy, startLossyProxy } from '../../servers/lossy-proxy.ts'
import { node, riachoFile, type Started, until } from '../event-processor.fixture.ts'
import { residentBytes } from '../kafka/absence.ts'
import { Outside } from './outside.ts'
import { Receiver } from './receiver.ts'
import { entriesOf, Refuser, uidOfStatement } from './refusals.ts'

const example = fileURLToPath(new URL('../../../examples/event-processor/', import.meta.url))
const runSettings = ['--guarantee', 'exactly-once', '--keep-stream-time', 'true', '--commit-drain-ms', '20000', '--http-port', '0']
const startLimitMs = 120_000

/** The event processor on real servers, with somebody in the way who refuses. */
export interface System {
  readonly servers: Servers
  readonly outside: Outside
  readonly receiver: Receiver
  /** What Kafka Connect reads. */
  readonly eventsFile: string
  readonly refusers: { readonly stored: Refuser; readonly queued: Refuser }
  /** What is between the application and Cassandra, ElasticMQ, and the schema registry. */
  readonly ways: { readonly cassandra: LossyProxy; readonly sqs: HttpProxy; readonly registry: HttpProxy }
  /** Registers the file source, as the example's `file-source.json` says, but of `eventsFile`. */
  applySource(): Promise<void>
  /** Starts the application in a process of its own, and waits until it runs. */
  startApp(): Promise<RunningApp>
  stop(): Promise<void>
}

/** The application's process. */
export interface RunningApp {
  readonly started: Started
  /** Bytes that it had in memory when it ran, and the most so far. */
  readonly memory: { readonly first: number; most: number }
  /** A metric without labels. */
  metric(name: string): Promise<number>
  /** Tells it to end. Rejects when it has ended before, or with another status than 0. */
  stop(): Promise<void>
}

/**
 * Starts all servers, and the proxies that refuse, and makes topics and keyspace as the example does. The folder is where `events.txt` is, or will be; it is removed at the end.
 */
export async function startSystem(folder: string, refused: Refused): Promise<System> {
  const servers = await startServers()
  const apps: Started[] = []
  const refusers = { stored: new Refuser(refused.stored), queued: new Refuser(refused.queued) }
  const ways = {
    cassandra: await startLossyProxy(servers.cassandra.port),
    sqs: await sqsProxy(servers, refusers.queued),
    registry: await startHttpProxy(servers.registry.url),
  }
  const cql = await startCqlProxy(ways.cassandra.port, statement => {
    const uid = uidOfStatement(statement)
    return uid !== undefined && refusers.stored.refuses(uid)
  })
  const environment = {
    ...environmentOf(servers),
    CASSANDRA_CONTACT_POINTS: `127.0.0.1:${cql.port}`,
    SQS_ENDPOINT: ways.sqs.url,
    SCHEMA_REGISTRY_URL: ways.registry.url,
  }
  const step = async (file: string, ...args: readonly string[]): Promise<void> => {
    const { code, error } = await node(file, args, folder, environment).ended
    if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}: ${error}`)
  }
  await step(join(example, 'prepare.ts'))
  const outside = await Outside.of(servers)
  const receiver = new Receiver(servers.elasticMq.endpoint)
  const eventsFile = join(folder, 'events.txt')
  return {
    servers,
    outside,
    receiver,
    eventsFile,
    refusers,
    ways,
    async applySource() {
      const source = readFileSync(join(example, 'resource/file-source.json'), 'utf8')
      writeFileSync(join(folder, 'file-source.json'), source.replace('/data/events.txt', eventsFile))
      await step(riachoFile, 'connect', 'apply', 'file-source.json')
    },
    startApp() {
      const started = node(riachoFile, ['run', join(example, 'production.ts'), ...runSettings], folder, environment)
      apps.push(started)
      return running(started)
    },
    async stop() {
      for (const { child } of apps) child.kill('SIGKILL')
      await receiver.close()
      await outside.close()
      await Promise.all([cql.stop(), ways.cassandra.stop(), ways.sqs.stop(), ways.registry.stop()])
      await servers.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

/** The way to ElasticMQ: a request is refused if one of its events is. */
const sqsProxy = ({ elasticMq }: Servers, refuser: Refuser): Promise<HttpProxy> =>
  startHttpProxy(elasticMq.endpoint, body =>
    entriesOf(body)
      .map(([uid, retryCount]) => refuser.refuses(uid, retryCount))
      .includes(true),
  )

async function running(started: Started): Promise<RunningApp> {
  const { child, text, ended } = started
  const gone = (): boolean => child.exitCode !== null
  await until(() => gone() || text.error.includes('state RUNNING'), 'the application runs', startLimitMs)
  if (gone()) throw new Error(`the application did not start: ${text.error}`)
  const first = residentBytes(child.pid!)
  const memory = { first, most: first }
  const timer = setInterval(() => {
    if (!gone()) memory.most = Math.max(memory.most, residentBytes(child.pid!))
  }, 250)
  void ended.then(() => clearInterval(timer))
  return {
    started,
    memory,
    async metric(name) {
      const url = /"url":"([^"]+)"/.exec(text.error)![1]
      const metrics = await (await fetch(`${url}/metrics`)).text()
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1])
    },
    async stop() {
      child.kill('SIGTERM')
      const { code, error } = await ended
      if (code !== 0) throw new Error(`the application ended with ${code}: ${error}`)
    },
  }
}
