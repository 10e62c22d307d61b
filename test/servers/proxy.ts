import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * What happens to a request:
 * - `lost`: it is carried out, and its answer is lost with the connection;
 * - `late`: it is carried out, and its answer comes later, with all behind it on the connection;
 * - `stray`: its connection is lost at once, and it is carried out later;
 * - `damaged`: the last record that it brings has a wrong byte, so that the broker refuses its batch;
 * - `spoiled`: the last record in its answer has a wrong byte.
 */
export type Fate = 'lost' | 'late' | 'stray' | 'damaged' | 'spoiled'

/** What a proxy does, and to which requests. */
export interface Mischief {
  readonly fates: readonly Fate[]
  /** The requests, by Kafka's numbers. */
  readonly requests: readonly number[]
  /** Each n-th of them, with one fate after the other. */
  readonly every: number
  /** How many of them at most. Default: no limit. */
  readonly most?: number
  /** How much later what comes later comes. */
  readonly delayMs?: number
}

/** A proxy before a Kafka, which knows what passes. */
export interface KafkaProxy {
  readonly port: number
  /** Where it leads: a port of 127.0.0.1. */
  target: number
  /** What it does from now on; nothing at first. */
  mischief: Mischief | undefined
  /** Requests that met a fate so far. */
  readonly faults: number
  stop(): Promise<void>
}

/** Starts a proxy on a free port. */
export async function startProxy(): Promise<KafkaProxy> {
  const sockets = new Set<Socket>()
  let mischief: Mischief | undefined
  let [seen, done, faults, target] = [0, 0, 0, 0]
  const fateOf = (request: number): Fate | undefined => {
    if (mischief === undefined || !mischief.requests.includes(request)) return undefined
    const { every, fates, most = Number.POSITIVE_INFINITY } = mischief
    if (done >= most || ++seen % every !== 0) return undefined
    faults++
    return fates[done++ % fates.length]
  }
  const delayMs = (): number => mischief?.delayMs ?? 0
  const server = createServer(client => pass(client, { sockets, target: () => target, delayMs, fateOf }))
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
    get mischief() {
      return mischief
    },
    set mischief(of) {
      ;[mischief, seen, done] = [of, 0, 0]
    },
    get faults() {
      return faults
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

interface Home {
  readonly sockets: Set<Socket>
  target(): number
  delayMs(): number
  fateOf(request: number): Fate | undefined
}

/** Passes what a client and its broker send each other. */
function pass(client: Socket, home: Home): void {
  const broker = connect(home.target(), '127.0.0.1')
  // What strays reaches the broker when the client is gone.
  let straying = 0
  for (const [socket, other] of [
    [client, broker],
    [broker, client],
  ] as const) {
    home.sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => {
      home.sockets.delete(socket)
      if (straying === 0) other.destroy()
    })
  }
  const asked = new Map<number, { fate: Fate; delayMs: number }>()
  frames(client, frame => {
    const fate = home.fateOf(frame.readInt16BE(4))
    const delayMs = home.delayMs()
    if (fate !== undefined) asked.set(frame.readInt32BE(8), { fate, delayMs })
    if (fate === 'damaged') frame[frame.length - fromLastValue]! ^= 1
    if (fate !== 'stray') {
      if (straying === 0) broker.write(frame)
      return
    }
    straying++
    client.destroy()
    void sleep(delayMs).then(() => broker.write(frame))
  })
  let answers = Promise.resolve()
  frames(broker, frame => {
    const { fate, delayMs } = asked.get(frame.readInt32BE(4)) ?? { fate: undefined, delayMs: 0 }
    asked.delete(frame.readInt32BE(4))
    if (fate === 'stray') broker.destroy()
    if (fate === 'spoiled') frame[frame.length - fromLastValue]! ^= 1
    answers = answers.then(async () => {
      if (fate === 'late') await sleep(delayMs, undefined, { ref: false })
      if (fate === 'lost') client.destroy()
      else if (!client.destroyed) client.write(frame)
    })
  })
}

/** Behind the value of the last record of a request, or of an answer: the number of its headers, and three empty tag sections. */
const fromLastValue = 5

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
