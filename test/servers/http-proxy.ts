import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

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

/** Starts a proxy on a free port. */
export async function startHttpProxy(target: string): Promise<HttpProxy> {
  const to = new URL(target)
  const asked: string[] = []
  let mode: ProxyMode = 'pass'
  const listen = async (port: number): Promise<Server> => {
    const server = createServer((from, answer) => {
      asked.push(`${from.method} ${from.url}`)
      if (mode === 'silent') return
      if (mode === 'error') return void answer.writeHead(500).end('{"error_code":50001,"message":"broken"}')
      const on = request({ host: to.hostname, port: to.port, method: from.method, path: from.url, headers: from.headers }, got => {
        answer.writeHead(got.statusCode!, got.headers)
        got.pipe(answer)
      })
      on.on('error', () => answer.destroy())
      from.pipe(on)
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
