import { once } from 'node:events'
import { type ClientRequest, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** What the proxy does with a request: hands it on, answers 500, or says nothing. */
export type ProxyMode = 'pass' | 'error' | 'silent'

/** Stands before an HTTP server whose failures are a test's. */
export interface HttpProxy {
  /** The target's address, by way of the proxy. */
  readonly url: string
  mode: ProxyMode
  /** Method and path of every request so far. */
  readonly asked: readonly string[]
  /** Refuses connections, as a server that is gone. */
  down(): Promise<void>
  up(): Promise<void>
  stop(): Promise<void>
}

/** Starts a proxy on a free port. Requests whose body it `refuses` are answered 500, whatever its mode. */
export async function startHttpProxy(target: string, refuses?: (body: string) => boolean): Promise<HttpProxy> {
  const to = new URL(target)
  const asked: string[] = []
  let mode: ProxyMode = 'pass'
  const broken = (answer: ServerResponse): void => void answer.writeHead(500).end('{"error_code":50001,"message":"broken"}')
  const handed = ({ method, url, headers }: IncomingMessage, answer: ServerResponse): ClientRequest => {
    const on = request({ host: to.hostname, port: to.port, method, path: url, headers }, got => {
      answer.writeHead(got.statusCode!, got.headers)
      got.pipe(answer)
    })
    return on.on('error', () => answer.destroy())
  }
  const listen = async (port: number): Promise<Server> => {
    const server = createServer(async (from, answer) => {
      asked.push(`${from.method} ${from.url}`)
      if (mode === 'silent') return
      if (mode === 'error') return broken(answer)
      if (refuses === undefined) return void from.pipe(handed(from, answer))
      const body = await buffer(from).catch(() => undefined)
      if (body === undefined) answer.destroy()
      else if (refuses(String(body))) broken(answer)
      else handed(from, answer).end(body)
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  const end = async (server: Server): Promise<void> => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  let server: Server | undefined = await listen(0)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}${to.pathname.replace(/\/$/, '')}`,
    get mode() {
      return mode
    },
    set mode(now) {
      mode = now
    },
    asked,
    down: async () => {
      const gone = server!
      server = undefined
      await end(gone)
    },
    up: async () => {
      server = await listen(port)
    },
    stop: async () => {
      if (server !== undefined) await end(server)
    },
  }
}
