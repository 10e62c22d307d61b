import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianObstacle, debianPackage } from './debian.ts'
import { freePorts, type ServerProcess, startServer } from './server.ts'

/** A running Redis that has on disk what it answered. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Ends it as a crash would. */
  kill(): Promise<void>
  /** Starts it again on its port and its data. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** What keeps Redis from being had here, if something does. */
export const redisObstacle = (): string | undefined => debianObstacle('redis-server', 'redis-server')

/** Starts a Redis on a free port. The first call on a machine downloads it. Errors are one line that says what to install. */
export async function startRedis(...settings: readonly string[]): Promise<RedisServer> {
  const { environment } = await debianPackage('redis-server', 'redis-server')
  const directory = await mkdtemp(join(tmpdir(), 'riacho-redis-'))
  const [port] = (await freePorts(1)) as [number]
  const flags = Object.entries({ bind: '127.0.0.1', port, dir: directory, save: '', appendonly: 'yes', appendfsync: 'always' })
  const begin = () =>
    startServer({
      command: 'redis-server',
      arguments: [...flags.flatMap(([name, value]) => [`--${name}`, String(value)]), ...settings],
      directory,
      environment,
      readyText: 'Ready to accept connections',
      readyWithin: 30_000,
    })
  let server: ServerProcess
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    server = await begin()
  } catch (cause) {
    await remove()
    throw cause
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill: () => server.kill(),
    start: async () => {
      server = await begin()
    },
    stop: async () => {
      await server.stop()
      await remove()
    },
  }
}
