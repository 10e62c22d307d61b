import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jars, needJava } from './jars.ts'
import { freePorts, startServer } from './server.ts'

/** A running ElasticMQ, which speaks Amazon SQS: its queues end with it. Region `elasticmq`, any credentials. */
export interface ElasticMqServer {
  readonly endpoint: string
  readonly port: number
  stop(): Promise<void>
}

/** Starts an ElasticMQ on a free port. The first call on a machine downloads it. Errors are one line that says what to install. */
export async function startElasticMq(): Promise<ElasticMqServer> {
  await needJava(17)
  const lib = await jars('elasticmq', ['org.elasticmq:elasticmq-server_2.13:1.7.1'])
  const directory = await mkdtemp(join(tmpdir(), 'riacho-elasticmq-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    const [port] = (await freePorts(1)) as [number]
    const file = join(directory, 'elasticmq.conf')
    await writeFile(file, configuration(port))
    const flags = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', `-Dconfig.file=${file}`, '-cp', `${lib}/*`]
    const server = await startServer({
      command: 'java',
      arguments: [...flags, 'org.elasticmq.server.Main'],
      directory,
      readyPort: port,
      readyWithin: 60_000,
    })
    return {
      endpoint: `http://127.0.0.1:${port}`,
      port,
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

const configuration = (port: number): string => `
include classpath("application.conf")
node-address {
  protocol = http
  host = "127.0.0.1"
  port = ${port}
  context-path = ""
}
rest-sqs {
  enabled = true
  bind-hostname = "127.0.0.1"
  bind-port = ${port}
  sqs-limits = strict
}
rest-stats.enabled = false
`
