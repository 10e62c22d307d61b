import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { jars, needJava } from './jars.ts'
import { credentials, type KerberosIdentity, kerberosSettings, securitySettings, selfSigned } from './security.ts'
import { freePorts, type ServerProcess, startServer } from './server.ts'

/** The version of Kafka that the tests run against. */
export const kafkaVersion = '4.3.1'

/** A running one-node Kafka. */
export interface KafkaServer {
  /** `host:port`. */
  readonly address: string
  /** The port to which the proxy must connect. */
  readonly behindProxy: number
  /** The addresses of the listeners with TLS, and the certificate of both. */
  readonly secure: { readonly tls: string; readonly sasl: string; readonly certificate: string }
  /** The address of the listener with Kerberos. */
  readonly kerberos: string
  /** Ends it as a crash would; its data stays. */
  kill(): Promise<void>
  /**
   * Starts it again on its data, at the same address, after {@link KafkaServer.kill}. A transaction that was committed or aborted just
   * before, with markers not written yet, may stay open for ever: while the controller ends the crashed node's session, no partition has a
   * leader, and the coordinator (4.3.1) takes those that wait for a marker for deleted. Kill it when readers have seen the end of
   * transactions, or while they are open.
   */
  restart(): Promise<void>
  /** What one of Kafka's own tools, by its class, prints. Rejects when it fails, with what it says. */
  tool(main: string, ...args: readonly string[]): Promise<string>
  /** The same with something to read. */
  feed(input: string, main: string, ...args: readonly string[]): Promise<string>
  /** Starts one more broker of the same cluster. It ends with the others. */
  addBroker(): Promise<AddedBroker>
  /** Ends it, with the brokers that were added, and removes its data. */
  stop(): Promise<void>
}

/** A broker that was added to a running one. */
export interface AddedBroker {
  readonly id: number
  /** Ends it as a crash would. */
  kill(): Promise<void>
}

/** What a Kafka of the tests has beside a plain listener. */
export interface KafkaServerOptions {
  /** Default: {@link kafkaVersion}. */
  readonly version?: string
  /** Of its configuration. */
  readonly properties?: Readonly<Record<string, string>>
  /** A listener that is advertised at this port, behind which a proxy is. */
  readonly proxyPort?: number
  /** A listener with TLS, and one with TLS and every SASL mechanism. */
  readonly secure?: boolean
  /** A listener with Kerberos, as this member of the realm. */
  readonly kerberos?: KerberosIdentity
}

/**
 * Starts a Kafka of one node (KRaft) in a temporary directory on free ports. It creates no topics by itself.
 * The first call on a machine downloads it. Errors are one line that says what to install.
 */
export async function startKafka({
  version = kafkaVersion,
  properties = {},
  proxyPort,
  secure = false,
  kerberos,
}: KafkaServerOptions = {}): Promise<KafkaServer> {
  await needJava(17)
  const lib = await jars('kafka', [
    `org.apache.kafka:kafka_2.13:${version}`,
    // Another version's server has what it needs; the tools of 3.5 would bring a logger that says nothing.
    ...(version === kafkaVersion ? ([`org.apache.kafka:kafka-tools:${version}`] as const) : []),
    'org.slf4j:slf4j-simple:1.7.36',
  ])
  const directory = await mkdtemp(join(tmpdir(), 'riacho-kafka-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    const [port, controller, proxied, tls, sasl, ticketed] = (await freePorts(6)) as [number, number, number, number, number, number]
    const certificate = secure ? await selfSigned(directory) : ''
    const listeners: Listener[] = [
      { name: 'PLAINTEXT', protocol: 'PLAINTEXT', port, advertised: port },
      ...(proxyPort === undefined ? [] : [{ name: 'PROXIED', protocol: 'PLAINTEXT', port: proxied, advertised: proxyPort }]),
      ...(secure
        ? [tls, sasl].map((of, i) => ({ name: i ? 'SASL_SSL' : 'SSL', protocol: i ? 'SASL_SSL' : 'SSL', port: of, advertised: of }))
        : []),
      ...(kerberos ? [{ name: 'KERBEROS', protocol: 'SASL_PLAINTEXT', port: ticketed, advertised: ticketed }] : []),
    ]
    const config = join(directory, 'server.properties')
    // An id that starts with a dash would be taken for an option.
    const cluster = randomBytes(16).toString('base64url').replace(/^-/, 'A')
    const added: ServerProcess[] = []
    const security = { ...(secure && securitySettings(directory)), ...(kerberos && kerberosSettings(kerberos)) }
    const flags = kerberos ? [`-Djava.security.krb5.conf=${kerberos.config}`] : []
    await writeFile(
      config,
      lines({ ...settings(1, directory, controller), ...listening(listeners, controller), ...security, ...properties }),
    )
    await format(lib, config, cluster)
    let server = await run(lib, directory, config, flags)
    return {
      address: `127.0.0.1:${port}`,
      behindProxy: proxied,
      secure: { tls: `127.0.0.1:${tls}`, sasl: `127.0.0.1:${sasl}`, certificate },
      kerberos: `127.0.0.1:${ticketed}`,
      kill: () => server.kill(),
      restart: async () => {
        server = await run(lib, directory, config, flags)
      },
      tool: (main, ...args) => java(lib, main, args),
      feed: (input, main, ...args) => java(lib, main, args, input),
      addBroker: async () => {
        const id = added.length + 2
        const broker = await addBroker(lib, { id, cluster, controller, folder: join(directory, `broker-${id}`) })
        added.push(broker)
        return { id, kill: () => broker.kill() }
      },
      stop: async () => {
        await Promise.all([...added, server].map(one => one.stop()))
        await remove()
      },
    }
  } catch (cause) {
    await remove()
    throw cause
  }
}

interface Listener {
  readonly name: string
  readonly protocol: string
  readonly port: number
  readonly advertised: number
}

const listening = (listeners: readonly Listener[], controller: number): Record<string, string> => ({
  listeners: [...listeners.map(({ name, port }) => `${name}://127.0.0.1:${port}`), `CONTROLLER://127.0.0.1:${controller}`].join(),
  'advertised.listeners': listeners.map(({ name, advertised }) => `${name}://127.0.0.1:${advertised}`).join(),
  'listener.security.protocol.map': [...listeners.map(({ name, protocol }) => `${name}:${protocol}`), 'CONTROLLER:PLAINTEXT'].join(),
})

const run = (lib: string, directory: string, config: string, flags: readonly string[] = []): Promise<ServerProcess> =>
  startServer({
    command: 'java',
    arguments: ['-Xms256m', '-Xmx512m', '-XX:+ExitOnOutOfMemoryError', ...flags, '-cp', `${lib}/*`, 'kafka.Kafka', config],
    directory,
    readyText: 'Kafka Server started',
    readyWithin: 60_000,
  })

interface BrokerFacts {
  readonly id: number
  readonly cluster: string
  readonly controller: number
  readonly folder: string
}

async function addBroker(lib: string, { id, cluster, controller, folder }: BrokerFacts): Promise<ServerProcess> {
  await mkdir(folder)
  const [port] = (await freePorts(1)) as [number]
  const config = join(folder, 'server.properties')
  const listener = { name: 'PLAINTEXT', protocol: 'PLAINTEXT', port, advertised: port }
  const { listeners, ...rest } = listening([listener], controller)
  const role = { 'process.roles': 'broker', listeners: listeners!.split(',')[0]! }
  await writeFile(config, lines({ ...settings(id, folder, controller), ...rest, ...role }))
  await format(lib, config, cluster)
  return run(lib, folder, config)
}

/** Writes the cluster's id into the data directory, which a KRaft node needs before its first start. */
async function format(lib: string, config: string, id: string): Promise<void> {
  const users = (['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const).flatMap(mechanism => {
    const { username, password } = credentials[mechanism]
    return ['--add-scram', `${mechanism}=[name=${username},password=${password}]`]
  })
  await java(lib, 'kafka.tools.StorageTool', ['format', '-t', id, '-c', config, ...users])
}

const toolLimitMs = 60_000

async function java(lib: string, main: string, args: readonly string[], input = ''): Promise<string> {
  const flags = ['-XX:TieredStopAtLevel=1', '-Dfile.encoding=UTF-8', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', `${lib}/*`]
  const running = promisify(execFile)('java', [...flags, main, ...args], { timeout: toolLimitMs, maxBuffer: 64 << 20 })
  running.child.stdin?.end(input)
  return (await running).stdout
}

const lines = (properties: Readonly<Record<string, string>>): string =>
  Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')

/** 127.0.0.1, not localhost, which Node resolves to ::1 first; few internal partitions, because each costs start-up time. */
const settings = (id: number, directory: string, controller: number): Record<string, string> => ({
  'process.roles': 'broker,controller',
  'node.id': String(id),
  'controller.quorum.voters': `1@127.0.0.1:${controller}`,
  'controller.listener.names': 'CONTROLLER',
  'log.dirs': join(directory, 'data'),
  'auto.create.topics.enable': 'false',
  // Tests write records of any age.
  'log.retention.ms': '-1',
  'offsets.topic.num.partitions': '4',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.num.partitions': '4',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'share.coordinator.state.topic.num.partitions': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
  // After a crash the controller refuses the node until its old session ends.
  'broker.heartbeat.interval.ms': '500',
  'broker.session.timeout.ms': '4000',
})
