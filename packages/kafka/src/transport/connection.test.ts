import { createServer, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { Connection, type Request } from './connection.ts'

/** Whoever says that an answer is longer is no Kafka broker. */
const answerBytesMax = 1 << 29
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** A broker of the test's: `answer` gets each request without its length. */
async function serverOf(answer: (request: Buffer, socket: Socket) => void): Promise<number> {
  const server = createServer(socket => {
    socket.on('data', chunk => {
      for (let at = 0; at < chunk.length; at += 4 + chunk.readInt32BE(at))
        answer(chunk.subarray(at + 4, at + 4 + chunk.readInt32BE(at)), socket)
    })
    socket.on('error', () => {})
    closing.push(() => socket.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => server.close())
  return (server.address() as { port: number }).port
}

const options = { clientId: 'test', connectTimeoutMs: 10_000, requestTimeoutMs: 10_000 }
const open = async (port: number, requestTimeoutMs = options.requestTimeoutMs) => {
  const connection = await Connection.open({ host: '127.0.0.1', port }, { ...options, requestTimeoutMs }, () => {})
  closing.push(() => connection.close())
  return connection
}
const request = (body: string): Request<string> => ({
  key: 1,
  version: 2,
  body: [Buffer.from(body)],
  tags: { request: true, answer: true },
  parse: frame => frame.toString(),
})
/** An answer with an empty tag section. */
const answerTo = (asked: Buffer, text: string): Buffer => {
  const frame = Buffer.alloc(9 + text.length)
  frame.writeInt32BE(5 + text.length, 0)
  asked.copy(frame, 4, 4, 8)
  frame.write(text, 9)
  return frame
}
const failure = (work: Promise<unknown>) => work.catch((thrown: { code: string; message: string; retriable: boolean }) => thrown)

it('puts answers together, however they are cut, and gives each to its request', async () => {
  const port = await serverOf((asked, socket) => {
    const answer = answerTo(asked, asked.subarray(15).toString().repeat(3))
    // The client's read buffer holds what comes in pieces, too.
    for (let at = 0; at < answer.length; at += 3) socket.write(answer.subarray(at, at + 3))
  })
  const connection = await open(port)
  expect(await Promise.all(['a', 'bc', 'x'.repeat(1000)].map(body => connection.request(request(body))))).toEqual([
    'aaa',
    'bcbcbc',
    'x'.repeat(3000),
  ])
})

it('fails in bounded time what is not answered, and all behind it', async () => {
  const connection = await open(await serverOf(() => {}), 50)
  const failures = await Promise.all([connection.request(request('a')), connection.request(request('b'))].map(failure))
  expect(failures).toMatchObject([
    { code: 'REQUEST_TIMED_OUT', retriable: true },
    { code: 'REQUEST_TIMED_OUT', retriable: true },
  ])
  expect(await failure(connection.request(request('c')))).toMatchObject({ retriable: true })
})

it('fails when the broker hangs up, and when nobody listens', async () => {
  const port = await serverOf((_, socket) => socket.destroy())
  expect(await failure((await open(port)).request(request('a')))).toMatchObject({ code: 'NETWORK_EXCEPTION', retriable: true })
  expect(await failure(open(1))).toMatchObject({ code: 'NETWORK_EXCEPTION', message: expect.stringContaining('127.0.0.1:1') })
})

it('says so when what answers is no Kafka broker, or wants TLS', async () => {
  const first = Buffer.alloc(8)
  first.writeInt32BE(answerBytesMax + 5, 0)
  const stranger = await open(await serverOf((_, socket) => socket.write(first)))
  expect(await failure(stranger.request(request('a')))).toMatchObject({ message: expect.stringContaining('not a Kafka broker') })
  const alert = Buffer.from([0x15, 3, 3, 0, 2, 2, 70, 0])
  const secure = await open(await serverOf((_, socket) => socket.write(alert)))
  expect(await failure(secure.request(request('a')))).toMatchObject({ message: expect.stringContaining('TLS') })
})

it('fails a request whose answer cannot be read, and goes on', async () => {
  const connection = await open(await serverOf((asked, socket) => socket.write(answerTo(asked, 'x'))))
  const parse = (): never => {
    throw new Error('unreadable')
  }
  await expect(connection.request({ ...request('a'), parse })).rejects.toThrow('unreadable')
  expect(await connection.request(request('a'))).toBe('x')
})
