import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import type { SinkError, StreamRecord } from '@riacho/streams'
import { type Held, type SinkFixture, sinkSuite } from '@riacho/testing/suites'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type ElasticMqServer, startElasticMq } from '../../../test/servers/elasticmq.ts'
import { startHttpProxy } from '../../../test/servers/http-proxy.ts'
import { type LossyProxy, startLossyProxy } from '../../../test/servers/lossy-proxy.ts'
import { type SqsOptions, sqs } from './index.ts'

interface Event {
  readonly id: number
  readonly revision: number
  readonly body?: unknown
}
type Options = SqsOptions<string | null, Event>

const never = new AbortController().signal
const place = { region: 'elasticmq', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } }
let server: ElasticMqServer
let proxy: LossyProxy
let outside: SQSClient
let queues = 0

beforeAll(async () => {
  server = await startElasticMq()
  proxy = await startLossyProxy(server.port)
  outside = new SQSClient({ ...place, endpoint: server.endpoint })
}, 180_000)
afterAll(async () => {
  outside?.destroy()
  await proxy?.stop()
  await server?.stop()
})

const closing: (() => Promise<void> | undefined)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  proxy.mend()
})

const newQueue = (): string => `event-${++queues}.fifo`
const optionsFor = (queue: string): Options => ({ ...place, endpoint: server.endpoint, queue, create: true })
const record = (id: number, revision: number, body?: unknown): StreamRecord<string, Event> => ({
  key: String(id),
  value: { id, revision, ...(body !== undefined && { body }) },
  timestamp: 0,
  headers: [],
})
const urlOf = (queue: string) => `${server.endpoint}/000000000000/${queue}`

/** All messages that are in a queue, which holds none after. */
async function drained(queue: string): Promise<Message[]> {
  const QueueUrl = urlOf(queue)
  const all: Message[] = []
  for (;;) {
    const { Messages = [] } = await outside.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: 10,
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      }),
    )
    if (Messages.length === 0) return all
    all.push(...Messages)
    const Entries = Messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }))
    await outside.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))
  }
}
const rowOf = ({ Body }: Message): Held => {
  const { id, revision } = JSON.parse(Body!) as Event
  return [id, revision]
}
const opened = async (options: Partial<Options> = {}, queue = newQueue()) => {
  const sink = sqs({ ...optionsFor(queue), ...options })
  await sink.open?.()
  closing.push(() => sink.close?.())
  return { sink, queue }
}

const make =
  (options: Partial<Options> = {}) =>
  async (): Promise<SinkFixture<string | null, Event>> => {
    const queue = newQueue()
    const held: Held[] = []
    return {
      sink: sqs({ ...optionsFor(queue), endpoint: `http://127.0.0.1:${proxy.port}`, ...options }),
      record,
      poison: () => record(99, 1, 'x'.repeat(300_000)),
      held: async () => {
        held.push(...(await drained(queue)).map(rowOf))
        return held
      },
      outage: async () => {
        await proxy.cut()
        return async () => proxy.mend()
      },
      close: async () => proxy.mend(),
    }
  }

const skip = [
  { test: 'deletes the row of a null value', reason: 'a queue takes nothing back' },
  {
    test: 'leaves one result when a part of a batch is written before the whole',
    reason: 'a queue holds each revision; answers that are lost do this below',
  },
]
sinkSuite({ name: 'sqs', make: make(), skip }, { describe, it, expect })
sinkSuite({ name: 'sqs, groups in batches', make: make({ groupBatches: true }), skip }, { describe, it, expect })

describe('sqs', () => {
  const failuresOf = async (work: Promise<void>): Promise<[number, string][]> => {
    const thrown = await work.then(
      () => undefined,
      (error: unknown) => error as SinkError,
    )
    return [...(thrown?.failures ?? [])].map(([index, { kind }]) => [index, kind])
  }

  it('keeps the order of each key among many, and tells group and attributes', async () => {
    const { sink, queue } = await opened({ attributes: event => ({ client: `c${event.id}` }) })
    const batch = Array.from({ length: 300 }, (_, i) => record(i % 7, i))
    await sink.write(batch, never)
    const messages = await drained(queue)
    expect(messages.length).toBe(300)
    for (let id = 0; id < 7; id++) {
      const own = messages.filter(message => message.Attributes?.MessageGroupId === String(id))
      expect(own.map(message => rowOf(message)[1])).toEqual(batch.filter(({ value }) => value.id === id).map(({ value }) => value.revision))
    }
    expect(messages[0]?.MessageAttributes?.client?.StringValue).toBe(`c${rowOf(messages[0]!)[0]}`)
  })

  it('is one message for equal bodies, or one an input record, or one an id', async () => {
    const places = { position: (index: number) => ({ topic: 'in', partition: 0, offset: index }), nth: () => 0 }
    const sent = async (options: Partial<Options>): Promise<number> => {
      const { sink, queue } = await opened(options)
      for (let i = 0; i < 2; i++) await sink.write([record(1, 1), record(1, 1), record(2, 1)], never, places)
      return (await drained(queue)).length
    }
    expect([
      await sent({}),
      await sent({ deduplication: 'position' }),
      await sent({ deduplication: () => 'all of them are the same' }),
    ]).toEqual([2, 3, 1])
  })

  it('sends nothing of a group after what could not be sent, and everything of the others', async () => {
    const { sink, queue } = await opened()
    const batch = [record(1, 1), record(1, 2, 'x'.repeat(300_000)), record(1, 3), { ...record(2, 1), key: null }, record(3, 1)]
    expect(await failuresOf(sink.write(batch, never))).toEqual([
      [1, 'poison'],
      [3, 'poison'],
    ])
    expect((await drained(queue)).map(rowOf).sort()).toEqual([
      [1, 1],
      [1, 3],
      [3, 1],
    ])
  })

  it('has not tried what waits for a message of its group', async () => {
    const refusing = await startHttpProxy(server.endpoint, body => body.includes('revision\\":2'))
    closing.push(() => refusing.stop())
    const { sink } = await opened({ endpoint: refusing.url })
    const thrown = await sink.write([record(1, 1), record(1, 2), record(1, 3), record(2, 1)], never).catch((error: unknown) => error)
    const failures = [...(thrown as SinkError).failures!].map(([index, { kind, untried }]) => [index, kind, untried])
    expect(failures).toEqual([
      [1, 'transient', false],
      [2, 'transient', true],
    ])
  })

  it('loses, doubles and reorders nothing when answers are lost after messages were taken', async () => {
    const { sink, queue } = await opened({ endpoint: `http://127.0.0.1:${proxy.port}` })
    const batch = Array.from({ length: 200 }, (_, i) => record(i % 20, i))
    proxy.loseAnswers(4)
    let left: readonly number[] = batch.map((_, i) => i)
    let tries = 0
    while (left.length > 0 && tries++ < 50) {
      const now = left
      left = (
        await failuresOf(
          sink.write(
            now.map(i => batch[i]!),
            never,
          ),
        )
      ).map(([index]) => now[index]!)
      if (tries === 5) proxy.mend()
    }
    expect(proxy.lost).toBeGreaterThan(0)
    const held = (await drained(queue)).map(rowOf)
    expect(held.length).toBe(200)
    for (let id = 0; id < 20; id++) {
      const revisions = held.filter(([of]) => of === id).map(([, revision]) => revision)
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
    }
  })

  it('finds the message that the service refuses', async () => {
    const { sink, queue } = await opened({ body: event => (event.revision === 0 ? '\u0001' : JSON.stringify(event)) })
    expect(await failuresOf(sink.write([record(1, 1), record(1, 0), record(1, 2), record(2, 1)], never))).toEqual([[1, 'poison']])
    expect((await drained(queue)).map(rowOf).sort()).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
    ])
  })

  it('takes a null key and the default of a queue that is not FIFO, where writing again doubles', async () => {
    const { sink, queue } = await opened({}, 'plain')
    await sink.write([{ ...record(1, 1), key: null }, record(2, 1)], never)
    expect([(await drained(queue)).length, sink.idempotent]).toEqual([2, false])
  })

  it('refuses a queue that is missing, and says when nobody answers', async () => {
    await expect(sqs({ ...optionsFor('missing.fifo'), create: false }).open?.()).rejects.toMatchObject({ kind: 'permanent' })
    await expect(sqs({ ...optionsFor('q.fifo'), endpoint: 'http://127.0.0.1:1' }).open?.()).rejects.toMatchObject({
      kind: 'transient',
      away: true,
    })
  })

  it.each<[Partial<Options>, string]>([
    [{ queue: 'a b' }, 'queue'],
    [{ queue: 'plain', group: () => 'g' }, 'group'],
    [{ requestsMax: 0 }, 'requestsMax'],
    [{ requestBytesMax: 2 ** 30 }, 'requestBytesMax'],
  ])('refuses %o', (options, message) => {
    expect(() => sqs({ ...optionsFor('q.fifo'), ...options })).toThrow(message)
  })
})
