import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jars, needJava } from './jars.ts'
import { freePorts, startServer } from './server.ts'

/** A running DynamoDB Local, in memory: its tables end with it. Any region and credentials do. */
export interface DynamoServer {
  readonly endpoint: string
  readonly port: number
  stop(): Promise<void>
}

/** Starts a DynamoDB Local on a free port. The first call on a machine downloads it. Errors are one line that says what to install. */
export async function startDynamo(): Promise<DynamoServer> {
  await needJava(17)
  const lib = await jars('dynamodb', ['com.amazonaws:DynamoDBLocal:2.6.1'])
  const directory = await mkdtemp(join(tmpdir(), 'riacho-dynamodb-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    const [port] = (await freePorts(1)) as [number]
    const flags = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', `-Djava.library.path=${lib}`, '-cp', `${lib}/*`]
    const server = await startServer({
      command: 'java',
      arguments: [
        ...flags,
        'com.amazonaws.services.dynamodbv2.local.main.ServerRunner',
        ...['-inMemory', '-sharedDb', '-disableTelemetry', '-port', String(port)],
      ],
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
