import type { AddressInfo } from 'node:net'
import type { App, State } from '@riacho/runtime'
import { reasonOf } from '@riacho/streams/engine'
import fastify, { type FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import { failure } from './errors.ts'

/** The port when none is asked for, and how many after it are tried while it is taken. */
const defaultPort = 9095
const portsTried = 100

/** What the server shows and where it listens. */
export interface HttpOptions {
  readonly app: Pick<App, 'state' | 'unansweredMs'>
  readonly registry: Registry
  /** What else is wrong, one line each. */
  readonly troubles?: () => readonly string[]
  readonly host: string
  /** Without one: 9095, or the next free port. 0: any free port. */
  readonly port?: number | undefined
}

/** A server that listens. */
export interface HttpServer {
  /** Such as `http://127.0.0.1:9095`. */
  readonly url: string
  close(): Promise<void>
}

/** A broker that does not answer for so long is away. */
const unansweredMaxMs = 3_000

/** Why an application in this state is not ready; empty when it is. */
const reasons: Readonly<Record<State, readonly string[]>> = {
  CREATED: ['not started yet'],
  REBALANCING: ['joining the group, or restoring state'],
  RUNNING: [],
  PENDING_SHUTDOWN: ['stopping'],
  NOT_RUNNING: ['stopped'],
  PENDING_ERROR: ['stopping because of an error, see the log'],
  ERROR: ['stopped because of an error, see the log'],
}

/** Serves `/metrics`, `/health/live` and `/health/ready`. Rejects with `RIACHO_PORT_IN_USE` when the port asked for is taken. */
export async function serveHttp(options: HttpOptions): Promise<HttpServer> {
  const server = routes(options)
  try {
    await listen(server, options)
  } catch (thrown) {
    await server.close()
    throw thrown
  }
  const { address, port, family } = server.server.address() as AddressInfo
  return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`, close: () => server.close() }
}

function routes({ app, registry, troubles = () => [] }: HttpOptions): FastifyInstance {
  const server = fastify({ logger: false, forceCloseConnections: true })
  server.get('/metrics', async (_request, reply) => {
    reply.header('content-type', registry.contentType)
    return registry.metrics()
  })
  server.get('/health/live', async (_request, reply) => {
    const alive = app.state !== 'ERROR' && app.state !== 'PENDING_ERROR'
    return reply.code(alive ? 200 : 503).send({ live: alive, state: app.state })
  })
  server.get('/health/ready', async (_request, reply) => {
    const { state, unansweredMs } = app
    const away = state === 'RUNNING' && unansweredMs > unansweredMaxMs
    const own = away ? [`the broker has not answered for ${Math.round(unansweredMs / 1000)} s`] : reasons[state]
    const why = [...own, ...troubles()]
    const ready = why.length === 0
    return reply.code(ready ? 200 : 503).send({ ready, state, reasons: why })
  })
  return server
}

async function listen(server: FastifyInstance, { host, port: asked }: HttpOptions): Promise<void> {
  const first = asked ?? defaultPort
  const last = asked === undefined ? defaultPort + portsTried - 1 : asked
  for (let port = first; ; port++) {
    try {
      await server.listen({ host, port })
      return
    } catch (thrown) {
      const taken = (thrown as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (!taken)
        throw failure('RIACHO_HTTP', `cannot listen on ${host}:${port} (${reasonOf(thrown)}): give another httpHost or httpPort`, thrown)
      if (port < last) continue
      const what = asked === undefined ? `ports ${first} to ${last} on ${host} are` : `port ${port} on ${host} is`
      throw failure('RIACHO_PORT_IN_USE', `${what} in use: give another httpPort, or 0 for any free one`, thrown)
    }
  }
}
