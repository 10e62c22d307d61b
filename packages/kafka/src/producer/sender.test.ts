import type { TopicPartition } from '@riacho/streams/engine'
import { batchField } from '@riacho/streams/engine'
import { expect, it, onTestFinished, vi } from 'vitest'
import { KafkaError } from '../errors.ts'
import type { Request } from '../transport/connection.ts'
import type { Identity } from './queue.ts'
import { Sender, type SenderHome } from './sender.ts'
import { Spares } from './spares.ts'

/** Kafka's numbers of errors. */
const errors = { notLeader: 6, tooLarge: 10, notEnough: 19, forbidden: 29, outOfOrder: 45 }
const at = (partition: number): TopicPartition => ({ topic: 't', partition })

interface Asked {
  readonly request: Request<unknown>
  readonly answer: (errorCode?: number) => void
  readonly lose: () => void
}

/** A cluster in which no partition has a place. */
const nowhere: SenderHome['cluster'] = {
  placeOf: () => undefined,
  lookUp: async () => new Map(),
  absence: ({ topic, partition }) => new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', 'gone', { at: { topic, partition } }),
  forget: () => {},
  noted: failure => failure,
}

/** A sender, and what it asks of a broker that answers when it is told to. */
function senderOf(more: Partial<SenderHome> = {}, identity: Identity = { id: 7n, epoch: 3, transactionalId: null }) {
  const asked: Asked[] = []
  const links: SenderHome['links'] = {
    closed: false,
    send: <Answer>(_: number, request: Request<Answer>) =>
      new Promise<Answer>((resolve, reject) =>
        asked.push({
          request,
          answer: (errorCode = 0) => resolve(request.parse(answerTo(request, errorCode))),
          lose: () => reject(new KafkaError('NETWORK_EXCEPTION', 'lost')),
        }),
      ),
  }
  const cluster = { ...nowhere, placeOf: () => ({ leader: 1, topicId: '' }) }
  const queue = { batchBytesMax: 1 << 20, codec: 'none', spares: new Spares() } as const
  const identify = async (): Promise<Identity> => ({ id: 8n, epoch: 0, transactionalId: null })
  const home = {
    cluster,
    links,
    retryForMs: 10_000,
    queue,
    hold: false,
    lingerMs: undefined,
    version: 9,
    enlist: undefined,
    identify,
  } as const
  return { sender: new Sender({ ...home, ...more }, identity), asked }
}

const batchesOf = ({ request }: Asked) => request.body.filter((_, i) => i % 2 === 1).map(bytes => Buffer.from(bytes))
/** Producer, epoch and sequence of the batches of a request. */
const numbersOf = (asked: Asked | undefined) =>
  batchesOf(asked!).map(bytes => [
    Number(bytes.readBigInt64BE(batchField.producerId)),
    bytes.readInt16BE(batchField.producerEpoch),
    bytes.readInt32BE(batchField.baseSequence),
  ])

/** The answer for one batch. */
function answerTo({ body }: Request<unknown>, errorCode: number): Buffer {
  const partition = Buffer.from(body[0]!).subarray(-batchHeadBytes).readInt32BE(0)
  const answer = Buffer.alloc(2 + 1 + 1 + 4 + 2 + 24 + 1 + 1 + 1 + 8)
  answer.write('\x02\x02t\x02', 0)
  answer.writeInt32BE(partition, 4)
  answer.writeInt16BE(errorCode, 8)
  answer.writeUInt8(1, 34)
  return answer
}
/** The partition, and the length of a batch of less than 127 bytes. */
const batchHeadBytes = 5

const settled = () => new Promise<void>(resolve => setImmediate(resolve))
const write = (sender: Sender, value: string, partition = 0) => sender.partition(at(partition)).append(1, null, value)
/** Sends a batch, as the first of its partition, so that the next ones may go together. */
async function begun(sender: Sender, asked: Asked[], partition = 0): Promise<void> {
  write(sender, 'first', partition)
  const flushed = sender.flush()
  asked.pop()!.answer()
  await flushed
}
/** Sends so many batches of a partition, each in its request. */
function sendEach(sender: Sender, count: number): Promise<void> {
  let flushed = Promise.resolve()
  for (let i = 0; i < count; i++) {
    write(sender, `${i}`)
    flushed = Promise.all([flushed, sender.flush()]).then(() => {})
  }
  return flushed
}

it('sends what failed again from the first on, when all is answered', async () => {
  const { sender, asked } = senderOf()
  await begun(sender, asked)
  const flushed = sendEach(sender, 3)
  const sent = asked.splice(0)
  expect(sent.map(numbersOf)).toEqual([[[7, 3, 1]], [[7, 3, 2]], [[7, 3, 3]]])
  const before = sent.map(batchesOf)
  sent[0]!.answer(errors.notLeader)
  sent[1]!.answer(errors.outOfOrder)
  await settled()
  expect(asked).toEqual([])
  sent[2]!.lose()
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  asked[0]!.answer()
  await vi.waitFor(() => expect(asked).toHaveLength(3))
  expect(asked.map(batchesOf)).toEqual(before)
  for (const each of asked.slice(1)) each.answer()
  await flushed
})

it('goes on in the next epoch where the broker has lost count', async () => {
  const { sender, asked } = senderOf()
  await begun(sender, asked)
  const flushed = sendEach(sender, 2)
  const sent = asked.splice(0)
  for (const each of sent) each.answer(errors.outOfOrder)
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  asked[0]!.answer()
  await vi.waitFor(() => expect(asked).toHaveLength(2))
  expect(asked.map(numbersOf)).toEqual([[[7, 4, 0]], [[7, 4, 1]]])
  asked[1]!.answer()
  await flushed
})

it('fails, rather than append what comes first behind what follows, where the broker has lost count', async () => {
  const { sender, asked } = senderOf()
  await begun(sender, asked)
  const flushed = sendEach(sender, 2).catch((thrown: KafkaError) => thrown.code)
  const [first, second] = asked.splice(0)
  first!.answer(errors.notLeader)
  second!.answer()
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  asked[0]!.answer(errors.outOfOrder)
  expect(await flushed).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
})

it('gives up in bounded time, and then what may still be on its way does not fit any more', async () => {
  const { sender, asked } = senderOf({ retryForMs: 0 })
  await begun(sender, asked)
  const flushed = sendEach(sender, 1).catch((thrown: KafkaError) => thrown.code)
  asked.pop()!.lose()
  expect(await flushed).toBe('NETWORK_EXCEPTION')
  expect(sender.bufferedBytes).toBe(0)
  const next = sendEach(sender, 1)
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  expect(numbersOf(asked[0])).toEqual([[7, 4, 0]])
  asked[0]!.answer()
  await next
})

it.each([
  ['lost', 'forbidden'],
  ['notLeader', 'forbidden'],
] as const)('gives up, rather than write twice what may be there, when after %s a batch is refused: %s', async (first, then) => {
  const { sender, asked } = senderOf()
  await begun(sender, asked)
  const flushed = sendEach(sender, 2).catch((thrown: KafkaError) => thrown.code)
  // Both were appended, and nobody told of it.
  for (const each of asked.splice(0)) first === 'lost' ? each.lose() : each.answer(errors[first])
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  asked.pop()!.answer(errors[then])
  expect(await flushed).toBe('TOPIC_AUTHORIZATION_FAILED')
  expect([asked.length, sender.bufferedBytes]).toEqual([0, 0])
  const next = sendEach(sender, 1)
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  expect(numbersOf(asked[0])).toEqual([[7, 4, 0]])
  asked[0]!.answer()
  await next
})

it('sends no batch in two that may be there', async () => {
  const { sender, asked } = senderOf()
  await begun(sender, asked)
  write(sender, 'one of two')
  const flushed = sendEach(sender, 1).catch((thrown: unknown) => thrown)
  asked.pop()!.lose()
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  asked.pop()!.answer(errors.tooLarge)
  // Who writes it anew may succeed.
  expect(await flushed).toMatchObject({ code: 'REQUEST_TIMED_OUT', retriable: true })
  expect([asked.length, sender.bufferedBytes]).toEqual([0, 0])
})

it('sends what follows a refused batch, if none of it can be there', async () => {
  const { sender, asked } = senderOf()
  await begun(sender, asked)
  const flushed = sendEach(sender, 2).catch((thrown: KafkaError) => thrown.code)
  for (const each of asked.splice(0)) each.answer(errors.notEnough)
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  asked.pop()!.answer(errors.forbidden)
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  expect(numbersOf(asked[0])).toEqual([[7, 4, 0]])
  asked[0]!.answer()
  expect(await flushed).toBe('TOPIC_AUTHORIZATION_FAILED')
})

it('says of a record that is too large how large it was, and where', async () => {
  const { sender, asked } = senderOf()
  const refused = sendEach(sender, 1).catch((thrown: KafkaError) => thrown)
  const [bytes] = batchesOf(asked[0]!)
  asked[0]!.answer(errors.tooLarge)
  const message = expect.stringMatching(new RegExp(`${bytes!.length} bytes.* t, partition 0`))
  expect(await refused).toMatchObject({ code: 'MESSAGE_TOO_LARGE', at: at(0), message })
})

it('gives up what has no place with what the cluster says of its partition', async () => {
  const { sender } = senderOf({ retryForMs: 0, cluster: nowhere })
  write(sender, 'a', 2)
  await expect(sender.flush()).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', at: at(2) })
  expect(sender.bufferedBytes).toBe(0)
})

it('takes another identity for a partition whose epochs are used up, while the others go on in theirs', async () => {
  const { sender, asked } = senderOf({}, { id: 7n, epoch: 32_767, transactionalId: null })
  await begun(sender, asked, 0)
  await begun(sender, asked, 1)
  const refused = sendEach(sender, 1).catch((thrown: KafkaError) => thrown.code)
  asked.pop()!.answer(errors.tooLarge)
  expect(await refused).toBe('MESSAGE_TOO_LARGE')
  write(sender, 'a', 0)
  write(sender, 'b', 1)
  const flushed = sender.flush()
  await vi.waitFor(() => expect(asked).toHaveLength(2))
  expect(asked.map(numbersOf)).toEqual([[[7, 32_767, 1]], [[8, 0, 0]]])
  for (const each of asked) each.answer()
  await flushed
})

it('sends nothing more in a transaction that failed, and says that numbers are missing', async () => {
  const { sender, asked } = senderOf({}, { id: 7n, epoch: 3, transactionalId: 'x' })
  await begun(sender, asked)
  const flushed = sendEach(sender, 2).catch((thrown: KafkaError) => thrown.code)
  asked[0]!.answer(errors.outOfOrder)
  asked[1]!.answer(errors.outOfOrder)
  expect(await flushed).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
  expect([asked.length, sender.gap]).toEqual([2, true])
  await sender.discard()
  sender.become({ id: 7n, epoch: 4, transactionalId: 'x' })
  const next = sendEach(sender, 1)
  expect([numbersOf(asked[2]), sender.gap]).toEqual([[[7, 4, 0]], false])
  asked[2]!.answer()
  await next
})

it('lets no batch overtake one that waits until its partition is in the transaction', async () => {
  const enlisted: (() => void)[] = []
  const enlist = () => new Promise<void>(resolve => enlisted.push(resolve))
  const { sender, asked } = senderOf({ enlist }, { id: 7n, epoch: 3, transactionalId: 'x' })
  write(sender, 'first', 0)
  let flushed = sender.flush()
  enlisted.pop()!()
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  asked.pop()!.answer()
  await flushed
  write(sender, 'a', 1)
  write(sender, 'b', 0)
  flushed = sender.flush()
  await settled()
  expect(asked.map(numbersOf)).toEqual([[[7, 3, 1]]])
  enlisted.pop()!()
  await vi.waitFor(() => expect(asked).toHaveLength(2))
  for (const each of asked) each.answer()
  await flushed
})

it.each([
  [{ lingerMs: 20 }, 1],
  [{ lingerMs: 21 }, 0],
  [{ lingerMs: 20, hold: true }, 0],
  [{}, 0],
])('with %j sends %i batches that are not full within 20 milliseconds', (more, requests) => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { sender, asked } = senderOf(more)
  write(sender, 'a')
  vi.advanceTimersByTime(20)
  expect(asked).toHaveLength(requests)
})
