import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { bytes, type SourceReader } from '@riacho/streams'
import { type SourceFixture, sourceSuite } from '@riacho/testing/suites'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type ElasticMqServer, startElasticMq } from '../../../test/servers/elasticmq.ts'
import { type SqsSourceOptions, sqsSource } from './index.ts'

const place = { region: 'elasticmq', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } }
const never = new AbortController().signal
let server: ElasticMqServer
let outside: SQSClient
let queues = 0

beforeAll(async () => {
  server = await startElasticMq()
  outside = new SQSClient({ ...place, endpoint: server.endpoint })
}, 180_000)
afterAll(async () => {
  outside?.destroy()
  await server?.stop()
})

async function newQueue(fifo = false) {
  const QueueName = `queue-${++queues}${fifo ? '.fifo' : ''}`
  await outside.send(
    new CreateQueueCommand({ QueueName, ...(fifo && { Attributes: { FifoQueue: 'true', ContentBasedDeduplication: 'true' } }) }),
  )
  const QueueUrl = `${server.endpoint}/000000000000/${QueueName}`
  const send = async (bodies: readonly string[], group?: (index: number) => string): Promise<void> => {
    for (let i = 0; i < bodies.length; i += 10) {
      const Entries = bodies.slice(i, i + 10).map((MessageBody, n) => ({
        Id: String(n),
        MessageBody,
        ...(group && { MessageGroupId: group(i + n) }),
        MessageAttributes: { n: { DataType: 'Number', StringValue: String(i + n) } },
      }))
      const { Failed = [] } = await outside.send(new SendMessageBatchCommand({ QueueUrl, Entries }))
      if (Failed.length > 0) throw new Error(Failed[0]!.Message)
    }
  }
  return { QueueName, send }
}
const optionsFor = (queue: string): SqsSourceOptions<Uint8Array> => ({ ...place, endpoint: server.endpoint, queue, value: bytes, wait: 1 })

const make = async (): Promise<SourceFixture> => {
  const { QueueName, send } = await newQueue()
  return {
    source: sqsSource(optionsFor(QueueName)),
    append: async values => {
      const bodies = values.map(value => Buffer.from(value).toString())
      if (bodies.length > 50) return send(bodies)
      // Of messages that came in the same millisecond ElasticMQ takes any first.
      for (const body of bodies) {
        await send([body])
        await sleep(2)
      }
    },
    close: async () => {},
  }
}

sourceSuite(
  {
    name: 'sqs',
    make,
    skip: [
      { test: 'gives every record once, in order, with its bytes', reason: 'a queue that is not FIFO keeps no order; see below' },
      { test: 'gives again what no commit covers', reason: 'a queue that is not FIFO keeps no order; see below' },
      { test: 'goes on after any position', reason: 'SQS forgets what a commit covered, and nothing else' },
      { test: 'gives bytes as they are, text or not', reason: 'a message is text' },
      { test: 'gives an empty value as an empty value', reason: 'SQS takes no empty message' },
      { test: 'gives a value of a megabyte whole', reason: 'a message of SQS is smaller' },
    ],
  },
  { describe, it, expect },
)

describe('sqs source', () => {
  const read = async (reader: SourceReader, count: number) => {
    const records = []
    while (records.length < count) records.push(...(await reader.read(count - records.length, never)))
    return records
  }
  const bodies = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `value ${from + i}`)
  const held = async (queue: string): Promise<number> => {
    const QueueUrl = `${server.endpoint}/000000000000/${queue}`
    const { Attributes = {} } = await outside.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))
    return Number(Attributes.ApproximateNumberOfMessages) + Number(Attributes.ApproximateNumberOfMessagesNotVisible)
  }
  const textOf = (value: Uint8Array | null) => Buffer.from(value ?? []).toString()

  it('gives every message once, and again what no commit covers, at once', async () => {
    const { QueueName, send } = await newQueue()
    await send(bodies(0, 1000))
    const source = sqsSource(optionsFor(QueueName))
    const reader = source.open(QueueName, null)
    const records = await read(reader, 1000)
    expect(records.map(({ value }) => textOf(value)).sort()).toEqual(bodies(0, 1000).sort())
    await reader.commit(records[899]!.position)
    await reader.close()
    const second = source.open(QueueName, records[899]!.position)
    const again = await read(second, 100)
    expect(again.map(({ value }) => textOf(value)).sort()).toEqual(
      records
        .slice(900)
        .map(({ value }) => textOf(value))
        .sort(),
    )
    expect(again.every(({ offset }) => offset > 900)).toBe(true)
    await second.close()
  })

  it('deletes later what a commit covers while SQS is away', async () => {
    const { QueueName, send } = await newQueue()
    await send(bodies(0, 25))
    const client = new SQSClient({ ...place, endpoint: server.endpoint })
    let away = true
    const ask = client.send.bind(client) as (command: unknown, options?: unknown) => Promise<unknown>
    Object.assign(client, {
      send: (command: unknown, options: unknown) =>
        away && command instanceof DeleteMessageBatchCommand ? Promise.reject(new Error('connect ECONNREFUSED')) : ask(command, options),
    })
    const reader = sqsSource({ ...optionsFor(QueueName), client, visibility: 3 }).open(QueueName, null)
    const records = await read(reader, 25)
    await reader.commit(records[19]!.position)
    expect(await held(QueueName)).toBe(25)
    away = false
    await vi.waitUntil(async () => (await held(QueueName)) === 5, { timeout: 20_000, interval: 200 })
    await reader.close()
    client.destroy()
  })

  it('leaves nothing behind on the signal that ends its reads', async () => {
    const { QueueName } = await newQueue()
    const reader = sqsSource({ ...optionsFor(QueueName), wait: 0 }).open(QueueName, null)
    const { signal } = new AbortController()
    const added = vi.spyOn(signal, 'addEventListener')
    const removed = vi.spyOn(signal, 'removeEventListener')
    const reading = reader.read(1, signal)
    await sleep(100)
    await outside.send(new SendMessageCommand({ QueueUrl: `${server.endpoint}/000000000000/${QueueName}`, MessageBody: 'x' }))
    expect(await reading).toHaveLength(1)
    expect(removed).toHaveBeenCalledTimes(added.mock.calls.length)
    await reader.close()
  })

  it('moves a group in order, ten a commit, with its key and attributes', async () => {
    const { QueueName, send } = await newQueue(true)
    await send(bodies(0, 40), i => `g${i % 2}`)
    const reader = sqsSource(optionsFor(QueueName)).open(QueueName, null)
    const seen = new Map<string, string[]>()
    for (let count = 0; count < 40; ) {
      const records = await reader.read(100, never)
      for (const { key, value } of records) seen.set(textOf(key), [...(seen.get(textOf(key)) ?? []), textOf(value)])
      count += records.length
      await reader.commit(records.at(-1)!.position)
    }
    for (const [group, values] of seen) expect(values).toEqual(bodies(0, 40).filter((_, i) => `g${i % 2}` === group))
    expect([seen.size, await reader.lag()]).toEqual([2, 0])
    await reader.close()
  })

  it('gives headers of the attributes, and how often it was received', async () => {
    const { QueueName, send } = await newQueue()
    await send(['one'])
    const source = sqsSource(optionsFor(QueueName))
    const first = source.open(QueueName, null)
    await read(first, 1)
    await first.close()
    const second = source.open(QueueName, null)
    const [record] = await read(second, 1)
    const headers = Object.fromEntries(record!.headers.map(([name, raw]) => [name, textOf(raw)]))
    expect([record!.key, headers.n, headers['sqs.receive-count']]).toEqual([null, '0', '2'])
    await second.close()
  })

  it('prolongs what it has longer than the queue hides it', async () => {
    const { QueueName, send } = await newQueue()
    await send(['one'])
    const source = sqsSource({ ...optionsFor(QueueName), visibility: 3 })
    const holder = source.open(QueueName, null)
    const [record] = await read(holder, 1)
    const other = source.open(QueueName, null)
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 5000)
    expect(await other.read(1, abort.signal)).toEqual([])
    await holder.commit(record!.position)
    expect(await other.lag()).toBe(0)
    await holder.close()
    await other.close()
  })

  it('reads no more than pendingMax until a commit', async () => {
    const { QueueName, send } = await newQueue()
    await send(bodies(0, 30))
    const reader = sqsSource({ ...optionsFor(QueueName), pendingMax: 12 }).open(QueueName, null)
    const records = await read(reader, 12)
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 100)
    expect(await reader.read(10, abort.signal)).toEqual([])
    await reader.commit(records[11]!.position)
    expect((await read(reader, 10)).length).toBe(10)
    await reader.close()
  })

  it('is shared by partitions, each message in one of them', async () => {
    const { QueueName, send } = await newQueue()
    await send(bodies(0, 50))
    const source = sqsSource({ ...optionsFor(QueueName), partitions: 2 })
    const readers = (await source.partitions()).map(partition => source.open(partition, null))
    const [a, b] = await Promise.all(readers.map(reader => read(reader, 10)))
    expect(new Set([...a!, ...b!].map(({ value }) => textOf(value))).size).toBe(20)
    for (const reader of readers) await reader.close()
  })

  it('refuses options, and a queue that is missing', async () => {
    expect(() => sqsSource({ ...optionsFor('q'), visibility: 0 })).toThrow('visibility')
    expect(() => sqsSource({ ...optionsFor('q'), wait: 21 })).toThrow('wait')
    await expect(sqsSource(optionsFor('missing')).partitions()).rejects.toMatchObject({ code: 'RIACHO_SQS_QUEUE' })
  })
})
