import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A proxy before a Kafka, which knows what passes: it can lose the answer of a request that was carried out. */
export interface KafkaProxy {
  readonly port: number
  /** Where it leads: a port of 127.0.0.1. */
  target: number
  /** Loses every n-th answer of these requests, by Kafka's numbers, and the connection with it; 0 loses none. */
  lose(keys: readonly number[], nth: number): void
  /** Answers lost so far. */
  readonly lost: number
  stop(): Promise<void>
}

/** Starts a proxy on a free port. */
export async function startProxy(): Promise<KafkaProxy> {
  const sockets = new Set<Socket>()
  let [keys, nth, seen, lost, target]: [readonly number[], number, number, number, number] = [[], 0, 0, 0, 0]
  const isLost = (key: number | undefined): boolean => {
    if (nth === 0 || key === undefined || !keys.includes(key) || ++seen % nth !== 0) return false
    lost++
    return true
  }
  const server = createServer(client => {
    const broker = connect(target, '127.0.0.1')
    const both = [client, broker]
    for (const socket of both) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        for (const other of both) other.destroy()
      })
    }
    const asked = new Map<number, number>()
    frames(client, frame => {
      asked.set(frame.readInt32BE(8), frame.readInt16BE(4))
      broker.write(frame)
    })
    frames(broker, frame => {
      if (isLost(asked.get(frame.readInt32BE(4)))) client.destroy()
      else client.write(frame)
      asked.delete(frame.readInt32BE(4))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get target() {
      return target
    },
    set target(port) {
      target = port
    },
    lose(of, each) {
      ;[keys, nth] = [of, each]
    },
    get lost() {
      return lost
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Calls with each whole frame, its length included. */
function frames(socket: Socket, each: (frame: Buffer) => void): void {
  let held: Buffer = Buffer.alloc(0)
  socket.on('data', chunk => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
      const length = 4 + held.readInt32BE(0)
      each(held.subarray(0, length))
      held = held.subarray(length)
    }
  })
}
