import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A proxy before any server of one connection a client: it can be cut, be slow, and lose what the server answers. */
export interface LossyProxy {
  readonly port: number
  /** Ends all connections and takes no new ones. */
  cut(): Promise<void>
  /** Lets all pass again. */
  mend(): void
  /** From now on every n-th piece of the server's answers is lost, and its connection with it: the request was carried out. */
  loseAnswers(nth: number): void
  /** Holds answers back for so many milliseconds. */
  delay(milliseconds: number): void
  /** Answers lost so far. */
  readonly lost: number
  stop(): Promise<void>
}

/** Starts a proxy to a port of 127.0.0.1. */
export async function startLossyProxy(target: number): Promise<LossyProxy> {
  const sockets = new Set<Socket>()
  let [cut, nth, seen, lost, held] = [false, 0, 0, 0, 0]
  const server = createServer(client => {
    if (cut) return void client.destroy()
    const upstream = connect(target, '127.0.0.1')
    const both = [client, upstream]
    for (const socket of both) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        for (const other of both) other.destroy()
      })
    }
    client.on('data', chunk => upstream.write(chunk))
    upstream.on('data', chunk => {
      if (nth > 0 && ++seen % nth === 0) {
        lost++
        client.destroy()
      } else if (held === 0) client.write(chunk)
      else setTimeout(() => client.write(chunk), held)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const drop = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    async cut() {
      cut = true
      drop()
    },
    mend() {
      cut = false
      nth = 0
      held = 0
    },
    loseAnswers(each) {
      nth = each
      seen = 0
    },
    delay(milliseconds) {
      held = milliseconds
    },
    get lost() {
      return lost
    },
    async stop() {
      drop()
      server.close()
      await once(server, 'close')
    },
  }
}
