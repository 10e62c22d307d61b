import { setTimeout as sleep } from 'node:timers/promises'
import { bytes, type SourceReader, type SourceRecord } from '@riacho/streams'
import { type SourceFixture, sourceSuite } from '@riacho/testing/suites'
import { type ConfirmChannel, connect, type Options } from 'amqplib'
import { afterAll, afterEach, beforeAll, expect, it, describe as vitestDescribe } from 'vitest'
import { type LossyProxy, startLossyProxy } from '../../../test/servers/lossy-proxy.ts'
import { type RabbitServer, rabbitObstacle, startRabbit } from '../../../test/servers/rabbitmq.ts'
import { type RabbitSourceOptions, rabbitSource } from './index.ts'

const obstacle = rabbitObstacle()
const describe = (name: string, body: () => void): void => {
  if (obstacle === undefined) vitestDescribe(name, body)
  else vitestDescribe.skip(`${name} (${obstacle})`, body)
}

type Kind = 'classic' | 'quorum'
const never = new AbortController().signal
let server: RabbitServer
let proxy: LossyProxy
let outside: ConfirmChannel
let queues = 0
/** Made early: of a quorum queue of the last few seconds RabbitMQ has not all on disk that it needs after a crash. */
const early = new Map<Kind, string>()

async function connectOutside(): Promise<void> {
  const connection = await connect(server.url)
  connection.on('error', () => {})
  outside = await connection.createConfirmChannel()
  outside.on('error', () => {})
}

beforeAll(async () => {
  if (obstacle !== undefined) return
  server = await startRabbit()
  proxy = await startLossyProxy(server.port)
  await connectOutside()
  for (const kind of ['classic', 'quorum'] as const) early.set(kind, await newQueue(kind))
}, 300_000)
afterAll(async () => {
  await proxy?.stop()
  await server?.stop()
})

const open: SourceReader[] = []
afterEach(async () => {
  proxy?.mend()
  for (const reader of open.splice(0)) await reader.close()
})

const newQueue = async (type: Kind = 'classic', deadLetters?: string): Promise<string> => {
  const queue = `queue-${++queues}`
  const letters = deadLetters === undefined ? {} : { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': deadLetters }
  await outside.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': type, ...letters } })
  return queue
}
const send = async (queue: string, bodies: readonly (string | Uint8Array)[], options: Options.Publish = {}): Promise<void> => {
  for (const body of bodies) outside.sendToQueue(queue, Buffer.from(body), { persistent: true, ...options })
  await outside.waitForConfirms()
}
const sourceOf = (queue: string, options: Partial<RabbitSourceOptions<Uint8Array>> = {}) =>
  rabbitSource({ url: server.url, queue, value: bytes, ...options })
const readerOf = (queue: string, options: Partial<RabbitSourceOptions<Uint8Array>> = {}): SourceReader => {
  const reader = sourceOf(queue, options).open(queue, null)
  open.push(reader)
  return reader
}
const read = async (reader: SourceReader, count: number): Promise<SourceRecord[]> => {
  const records: SourceRecord[] = []
  while (records.length < count) {
    const more = await reader.read(count - records.length, never)
    if (more.length === 0) throw new Error(`the reader was closed after ${records.length} of ${count} records`)
    records.push(...more)
  }
  return records
}
const values = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `value ${from + i}`)
const textOf = (value: Uint8Array | null) => Buffer.from(value ?? []).toString()
const textsOf = (records: readonly SourceRecord[]) => records.map(({ value }) => textOf(value))
const headersOf = ({ headers }: SourceRecord) => Object.fromEntries(headers.map(([name, raw]) => [name, raw === null ? null : textOf(raw)]))

for (const kind of ['classic', 'quorum'] as const) {
  const make = async (): Promise<SourceFixture> => {
    const queue = await newQueue(kind)
    return { source: sourceOf(queue), append: added => send(queue, added), close: async () => void (await outside.deleteQueue(queue)) }
  }
  const skip = [{ test: 'goes on after any position', reason: 'what is acknowledged does not come again' }]
  sourceSuite({ name: `rabbitmq, ${kind} queue`, make, skip }, { describe, it, expect })
}

/** Reads as the engine does: what failed again after a pause, and a commit of each batch. */
async function follow(reader: SourceReader, seen: Map<string, number>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const records = await reader.read(20, signal)
      for (const text of textsOf(records)) seen.set(text, (seen.get(text) ?? 0) + 1)
      // The pipeline's work: so that some are not acknowledged when the server dies.
      await sleep(10)
      if (records.length > 0) await reader.commit(records.at(-1)!.position)
    } catch {
      await sleep(50)
    }
  }
}

describe('rabbitmq source', () => {
  it('gives headers, the time, and the key that is asked for', async () => {
    const queue = await newQueue()
    const headers = { n: 1, flag: true, nothing: null, word: 'ação', deep: { a: [1] } }
    await send(queue, ['one'], { headers, messageId: 'm1', correlationId: 'c1', type: 'created', timestamp: 1_700_000_000 })
    await send(queue, ['two'])
    const [first, second] = await read(readerOf(queue, { key: 'messageId' }), 2)
    expect([textOf(first!.key), first!.timestamp, second!.key]).toEqual(['m1', 1_700_000_000_000, null])
    expect(headersOf(first!)).toEqual({
      n: '1',
      flag: 'true',
      nothing: null,
      word: 'ação',
      deep: '{"a":[1]}',
      'rabbitmq.routing-key': queue,
      'rabbitmq.message-id': 'm1',
      'rabbitmq.correlation-id': 'c1',
      'rabbitmq.type': 'created',
      'rabbitmq.delivery-count': '1',
    })
    const routed = await newQueue()
    await send(routed, ['three'])
    expect(textOf((await read(readerOf(routed, { key: 'routingKey' }), 1))[0]!.key)).toBe(routed)
  })

  it.each(['classic', 'quorum'] as const)(
    'gives what was not acknowledged again after its connection was lost, and says so (%s)',
    async kind => {
      const queue = await newQueue(kind)
      await send(queue, values(0, 10))
      const reader = readerOf(queue, { url: `amqp://127.0.0.1:${proxy.port}` })
      const had = await read(reader, 8)
      await reader.commit(had[3]!.position)
      // Behind the acknowledgement on its channel: it has arrived.
      await reader.lag()
      await proxy.cut()
      await expect(read(reader, 10)).rejects.toMatchObject({ code: 'RIACHO_RABBITMQ_QUEUE' })
      await expect(reader.read(1, never)).rejects.toThrow('cannot be read')
      proxy.mend()
      const again = await read(reader, 6)
      expect(textsOf(again)).toEqual(values(4, 10))
      expect(headersOf(again[0]!)['rabbitmq.delivery-count']).toBe('2')
      // Of a connection that is gone, this acknowledges nothing.
      await reader.commit(had[7]!.position)
      await reader.close()
      expect(textsOf(await read(readerOf(queue), 6))).toEqual(values(4, 10))
    },
  )

  it('counts each delivery of a quorum queue', async () => {
    const queue = await newQueue('quorum')
    await send(queue, ['one'])
    const counts: unknown[] = []
    for (let i = 0; i < 3; i++) {
      const reader = readerOf(queue)
      counts.push(headersOf((await read(reader, 1))[0]!)['rabbitmq.delivery-count'])
      await reader.close()
    }
    expect(counts).toEqual(['1', '2', '3'])
  })

  it.each(['classic', 'quorum'] as const)(
    'loses nothing when RabbitMQ is killed and comes back, with two instances reading (%s)',
    async kind => {
      const queue = early.get(kind)!
      const seen = new Map<string, number>()
      const stop = new AbortController()
      const instances = [readerOf(queue), readerOf(queue)].map(reader => follow(reader, seen, stop.signal))
      await send(queue, values(0, 2000))
      await expect.poll(() => seen.size).toBeGreaterThan(100)
      await server.kill()
      await server.start()
      await connectOutside()
      await send(queue, values(2000, 2100))
      await expect.poll(() => seen.size, { timeout: 30_000 }).toBe(2100)
      stop.abort()
      await Promise.all(instances)
      expect([...seen.keys()].sort()).toEqual(values(0, 2100).sort())
      for (const reader of open.splice(0)) await reader.close()
      expect((await outside.checkQueue(queue)).messageCount).toBe(0)
    },
    120_000,
  )

  it('gives what an instance had to the other at once when it dies', async () => {
    const queue = await newQueue()
    await send(queue, values(0, 10))
    const dying = readerOf(queue, { url: `amqp://127.0.0.1:${proxy.port}` })
    await read(dying, 10)
    const waiting = read(readerOf(queue), 10)
    await proxy.cut()
    expect(textsOf(await waiting)).toEqual(values(0, 10))
  })

  it('is sent no more than pendingMax before a commit', async () => {
    const queue = await newQueue()
    await send(queue, values(0, 30))
    const reader = readerOf(queue, { pendingMax: 12 })
    const records = await read(reader, 12)
    expect(await reader.read(10, AbortSignal.timeout(200))).toEqual([])
    expect(await reader.lag()).toBe(18)
    await reader.commit(records[11]!.position)
    expect(textsOf(await read(reader, 12))).toEqual(values(12, 24))
  })

  it('is shared by partitions, each message in one of them', async () => {
    const queue = await newQueue()
    const source = sourceOf(queue, { partitions: 2, pendingMax: 25 })
    const readers = (await source.partitions()).map(partition => source.open(partition, null))
    open.push(...readers)
    await send(queue, values(0, 50))
    const [a, b] = await Promise.all(readers.map(reader => read(reader, 25)))
    expect([...textsOf(a!), ...textsOf(b!)].sort()).toEqual(values(0, 50).sort())
  })

  it('leaves dead letters to the queue, and keeps why they died as a header', async () => {
    const letters = await newQueue()
    const queue = await newQueue('classic', letters)
    await send(queue, ['one'])
    const message = await outside.get(queue)
    if (message === false) throw new Error('the queue is empty')
    outside.nack(message, false, false)
    const [letter] = await read(readerOf(letters), 1)
    const deaths = JSON.parse(headersOf(letter!)['x-death']!) as { queue: string; reason: string }[]
    expect([textOf(letter!.value), deaths[0]!.queue, deaths[0]!.reason]).toEqual(['one', queue, 'rejected'])
  })

  it('tells when its queue is deleted, and reads it when it is there again', async () => {
    const queue = await newQueue()
    await send(queue, ['one'])
    const reader = readerOf(queue)
    await read(reader, 1)
    const told = expect(reader.read(1, never)).rejects.toThrow('deleted')
    await outside.deleteQueue(queue)
    await told
    await expect(reader.read(1, never)).rejects.toThrow('does not exist')
    await outside.assertQueue(queue, { durable: true })
    await send(queue, ['two'])
    expect(textsOf(await read(reader, 1))).toEqual(['two'])
  })

  it('makes a queue of the type that is asked for', async () => {
    const queue = `queue-${++queues}`
    expect(await sourceOf(queue, { create: 'quorum' }).partitions()).toEqual([queue])
    await expect(sourceOf(queue, { create: 'classic' }).partitions()).rejects.toThrow('other properties')
    await send(queue, ['one'])
    expect(textsOf(await read(readerOf(queue), 1))).toEqual(['one'])
  })

  it('refuses options, a queue that is missing, and a wrong password', async () => {
    for (const [options, message] of [
      [{ url: 'http://localhost' }, 'url'],
      [{ queue: '' }, 'queue'],
      [{ create: 'stream' as Kind }, 'create'],
      [{ connectTimeout: 0 }, 'connectTimeout'],
      [{ heartbeat: 10 }, 'heartbeat'],
      [{ pendingMax: 65_536 }, 'pendingMax'],
      [{ partitions: 0 }, 'partitions'],
    ] as const)
      expect(() => sourceOf('q', options)).toThrow(message)
    await expect(sourceOf('missing').partitions()).rejects.toThrow('create it')
    await expect(sourceOf('q', { url: server.url.replace('guest:guest', 'guest:wrong') }).partitions()).rejects.toThrow('403')
    await expect(sourceOf('q', { url: 'amqp://127.0.0.1:1' }).partitions()).rejects.toMatchObject({ code: 'RIACHO_RABBITMQ_QUEUE' })
  })
})
