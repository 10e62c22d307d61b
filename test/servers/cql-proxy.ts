import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Stands before a Cassandra and answers some requests itself. */
export interface CqlProxy {
  readonly port: number
  stop(): Promise<void>
}

/** Of the native protocol, versions 3 and 4: where a frame says what it is, and what it may be. */
const field = { version: 0, stream: 2, opcode: 4, length: 5, body: 9 }
const opcode = { error: 0x00, execute: 0x0a }
const overloaded = 0x1001

/** Starts a proxy to a Cassandra on 127.0.0.1. It is asked about each prepared statement: of those that it refuses Cassandra learns nothing, and the client is told that it is overloaded. */
export async function startCqlProxy(target: number, refuses: (statement: Buffer) => boolean): Promise<CqlProxy> {
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const upstream = connect(target, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        for (const other of [client, upstream]) other.destroy()
      })
    }
    frames(client, frame => {
      if (frame[field.opcode] === opcode.execute && refuses(frame.subarray(field.body))) client.write(refusalOf(frame))
      else upstream.write(frame)
    })
    // Whole frames here, too: a refusal must not fall into the middle of an answer.
    frames(upstream, frame => client.write(frame))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function refusalOf(frame: Buffer): Buffer {
  const reason = Buffer.from('refused by a test')
  const answer = Buffer.alloc(field.body + 6 + reason.length)
  answer[field.version] = frame[field.version]! | 0x80
  frame.copy(answer, field.stream, field.stream, field.opcode)
  answer[field.opcode] = opcode.error
  answer.writeInt32BE(answer.length - field.body, field.length)
  answer.writeInt32BE(overloaded, field.body)
  answer.writeInt16BE(reason.length, field.body + 4)
  reason.copy(answer, field.body + 6)
  return answer
}

/** Calls with each whole frame. */
function frames(socket: Socket, each: (frame: Buffer) => void): void {
  let held: Buffer = Buffer.alloc(0)
  socket.on('data', chunk => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    while (held.length >= field.body && held.length >= field.body + held.readInt32BE(field.length)) {
      const length = field.body + held.readInt32BE(field.length)
      each(held.subarray(0, length))
      held = held.subarray(length)
    }
  })
}
