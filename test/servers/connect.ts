import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jars, needJava } from './jars.ts'
import { kafkaVersion } from './kafka.ts'
import { freePorts, startServer } from './server.ts'

/** A running worker of Kafka Connect with the connectors of files. */
export interface ConnectServer {
  /** Of its REST interface. */
  readonly url: string
  /** Ends it as a crash would. */
  kill(): Promise<void>
  /** Starts it again with the offsets that it had, after {@link ConnectServer.kill}. A standalone worker has forgotten its connectors. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Starts a standalone worker for the Kafka at this address, on a free port. The first call on a machine downloads it. Errors say what to install. */
export async function startConnect(kafka: string): Promise<ConnectServer> {
  await needJava(17)
  const lib = await jars('connect', [
    `org.apache.kafka:connect-runtime:${kafkaVersion}`,
    `org.apache.kafka:connect-file:${kafkaVersion}`,
    `org.apache.kafka:connect-json:${kafkaVersion}`,
    'org.slf4j:slf4j-simple:1.7.36',
  ])
  const directory = await mkdtemp(join(tmpdir(), 'riacho-connect-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    const [port] = (await freePorts(1)) as [number]
    await writeFile(join(directory, 'worker.properties'), lines(settings(kafka, port, directory)))
    const start = () =>
      startServer({
        command: 'java',
        arguments: [
          '-Xmx256m',
          '-XX:TieredStopAtLevel=1',
          '-XX:+UseSerialGC',
          '-cp',
          `${lib}/*`,
          main,
          join(directory, 'worker.properties'),
        ],
        directory,
        readyText: 'Kafka Connect started',
        readyWithin: 60_000,
      })
    let server = await start()
    return {
      url: `http://127.0.0.1:${port}`,
      kill: () => server.kill(),
      restart: async () => {
        server = await start()
      },
      stop: async () => {
        await server.stop()
        await remove()
      },
    }
  } catch (cause) {
    await remove()
    throw cause
  }
}

const main = 'org.apache.kafka.connect.cli.ConnectStandalone'

const settings = (kafka: string, port: number, directory: string): Record<string, string> => ({
  'bootstrap.servers': kafka,
  listeners: `http://127.0.0.1:${port}`,
  'rest.advertised.host.name': '127.0.0.1',
  'rest.advertised.port': String(port),
  // The connectors are on the class path: looking for them costs four seconds.
  'plugin.discovery': 'service_load',
  'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
  'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
  'offset.storage.file.filename': join(directory, 'offsets'),
  'offset.flush.interval.ms': '1000',
})

const lines = (properties: Record<string, string>): string =>
  Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
