import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { jars, needJava } from './jars.ts'
import { freePorts, type ServerProcess, startServer } from './server.ts'

/** The version of Kafka that the tests run against. */
export const kafkaVersion = '4.3.1'

/** A running one-node Kafka. */
export interface KafkaServer {
  /** `host:port`. */
  readonly address: string
  /** Ends it as a crash would; its data stays. */
  kill(): Promise<void>
  /**
   * Starts it again on its data, at the same address, after {@link KafkaServer.kill}. A transaction that was committed or aborted just
   * before, with markers not written yet, may stay open for ever: while the controller ends the crashed node's session, no partition has a
   * leader, and the coordinator (4.3.1) takes those that wait for a marker for deleted. Kill it when readers have seen the end of
   * transactions, or while they are open.
   */
  restart(): Promise<void>
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

/**
 * Starts a Kafka of one node (KRaft) in a temporary directory on free ports. It creates no topics by itself.
 * The first call on a machine downloads it. Errors are one line that says what to install.
 */
export async function startKafka(properties: Readonly<Record<string, string>> = {}): Promise<KafkaServer> {
  await needJava(17)
  const lib = await jars('kafka', [`org.apache.kafka:kafka_2.13:${kafkaVersion}`, 'org.slf4j:slf4j-simple:1.7.36'])
  const directory = await mkdtemp(join(tmpdir(), 'riacho-kafka-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    const [port, controller] = (await freePorts(2)) as [number, number]
    const config = join(directory, 'server.properties')
    await writeFile(config, lines({ ...settings(directory, port, controller), ...properties }))
    await format(lib, config)
    let server = await run(lib, directory, config)
    return {
      address: `127.0.0.1:${port}`,
      kill: () => server.kill(),
      restart: async () => {
        server = await run(lib, directory, config)
      },
      stop: () => server.stop().then(remove),
    }
  } catch (cause) {
    await remove()
    throw cause
  }
}

const run = (lib: string, directory: string, config: string): Promise<ServerProcess> =>
  startServer({
    command: 'java',
    arguments: ['-Xms256m', '-Xmx512m', '-XX:+ExitOnOutOfMemoryError', '-cp', `${lib}/*`, 'kafka.Kafka', config],
    directory,
    readyText: 'Kafka Server started',
    readyWithin: 60_000,
  })

/** Writes the cluster's id into the data directory, which a KRaft node needs before its first start. */
async function format(lib: string, config: string): Promise<void> {
  // An id that starts with a dash would be taken for an option.
  const id = randomBytes(16).toString('base64url').replace(/^-/, 'A')
  const tool = ['-XX:TieredStopAtLevel=1', '-cp', `${lib}/*`, 'kafka.tools.StorageTool', 'format', '-t', id, '-c', config]
  await promisify(execFile)('java', tool)
}

const lines = (properties: Readonly<Record<string, string>>): string =>
  Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')

/** 127.0.0.1, not localhost, which Node resolves to ::1 first; few internal partitions, because each costs start-up time. */
const settings = (directory: string, port: number, controller: number): Record<string, string> => ({
  'process.roles': 'broker,controller',
  'node.id': '1',
  'controller.quorum.voters': `1@127.0.0.1:${controller}`,
  listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
  'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
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
