import { BatchCursor, batchField } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { codecs, decompress } from '../compression.ts'
import { type Identity, PartitionQueue, type Sealed, sequenceAfter } from './queue.ts'
import { Spares } from './spares.ts'

const identity: Identity = { id: 7n, epoch: 3, transactionalId: null }
const options = { batchBytesMax: 1 << 20, codec: 'none', full: undefined, spares: new Spares() } as const
/** As many batches as a broker remembers. */
const onTheWayMax = 5

/** A queue with batches of so many records each, of a producer that the broker does not know yet. */
function freshQueueOf(...sizes: number[]): PartitionQueue {
  const queue = new PartitionQueue({ topic: 't', partition: 0 }, identity, options)
  for (const size of sizes) fill(queue, size)
  return queue
}

/** The same when it has sent a batch of one record. */
function queueOf(...sizes: number[]): PartitionQueue {
  const queue = freshQueueOf(1)
  queue.acknowledge(queue.next())
  for (const size of sizes) fill(queue, size)
  return queue
}

function fill(queue: PartitionQueue, size: number): void {
  for (let i = 0; i < size; i++) queue.append(1, null, `${size}`)
  queue.close()
}

function sendAll(queue: PartitionQueue): Sealed[] {
  const sent: Sealed[] = []
  while (queue.ready) sent.push(queue.next())
  return sent
}

const numbers = (batches: readonly Sealed[]) =>
  batches.map(({ bytes }) => [bytes.readInt16BE(batchField.producerEpoch), bytes.readInt32BE(batchField.baseSequence)])
const walk = ({ bytes }: Sealed): number => {
  const cursor = new BatchCursor(bytes, 0, bytes.length, 0, { checkCrc: true, decompress })
  let records = 0
  while (cursor.next()) records++
  return records
}

it('numbers batches one after another, with at most five on the way', () => {
  const queue = queueOf(1, 2, 3, 4, 5, 6)
  const sent = sendAll(queue)
  expect(sent).toHaveLength(onTheWayMax)
  expect(numbers(sent)).toEqual([1, 2, 4, 7, 11].map(sequence => [3, sequence]))
  queue.acknowledge(sent[0]!)
  expect(numbers(sendAll(queue))).toEqual([[3, 16]])
})

it('sends the first batch alone until it is acknowledged: a broker that does not know the producer takes any number', () => {
  const queue = freshQueueOf(1, 2, 3)
  const [first, ...others] = sendAll(queue)
  expect(others).toEqual([])
  queue.retry()
  expect(sendAll(queue)).toEqual([first])
  queue.acknowledge(first!)
  expect(numbers(sendAll(queue))).toEqual([
    [3, 1],
    [3, 3],
  ])
})

it('sends the same bytes again in order after a failure, when nothing is on the way', () => {
  const queue = queueOf(1, 2, 3)
  const sent = sendAll(queue)
  const before = sent.map(({ bytes }) => Buffer.from(bytes))
  expect(queue.retry()).toBe(true)
  fill(queue, 4)
  expect(queue.ready).toBe(false)
  expect(queue.isFirst(sent[1]!)).toBe(false)
  expect([queue.retry(), queue.retry()]).toEqual([false, false])
  const again = sendAll(queue)
  // The broker may have been started again, and may have forgotten the producer.
  expect(again).toHaveLength(1)
  queue.acknowledge(again[0]!)
  again.push(...sendAll(queue))
  expect(again.slice(0, 3).map(({ bytes }) => bytes)).toEqual(before)
  expect(numbers(again)).toEqual([1, 2, 4, 7].map(sequence => [3, sequence]))
})

it('goes no further beyond a batch that is not acknowledged than the broker remembers, whatever is acknowledged behind it', () => {
  const queue = queueOf(1, 2, 3, 4, 5, 6)
  const [first, ...others] = sendAll(queue)
  // Appended, but not on enough replicas in time.
  queue.retry()
  for (const each of others) queue.acknowledge(each)
  expect([queue.overtaken, queue.isFirst(first!)]).toEqual([true, false])
  expect(sendAll(queue)).toEqual([first])
  expect(queue.isFirst(first!)).toBe(true)
  queue.acknowledge(first!)
  expect([queue.overtaken, sendAll(queue).map(walk)]).toEqual([false, [6]])
})

it('counts from 0 in the next epoch behind a refused batch, which leaves no gap', () => {
  const queue = queueOf(1, 2, 3)
  const [first, second, third] = sendAll(queue)
  queue.acknowledge(first!)
  queue.refuse(second!)
  queue.renew()
  expect(queue.ready).toBe(false)
  queue.retry()
  fill(queue, 4)
  const again = sendAll(queue)
  expect(again).toEqual([third])
  queue.acknowledge(third!)
  again.push(...sendAll(queue))
  expect(numbers(again)).toEqual([
    [4, 0],
    [4, 3],
  ])
  expect(again.map(walk)).toEqual([3, 4])
})

it('needs another identity when its epochs are used up', () => {
  const queue = queueOf(1)
  const [sent] = sendAll(queue)
  queue.restart({ ...identity, epoch: 32_767 })
  expect(queue.wornOut).toBe(false)
  queue.renew()
  expect(queue.wornOut).toBe(true)
  queue.retry()
  queue.restart({ ...identity, id: 8n, epoch: 0 })
  expect([queue.wornOut, sendAll(queue), numbers([sent!]), sent!.bytes.readBigInt64BE(batchField.producerId)]).toEqual([
    false,
    [sent],
    [[0, 0]],
    8n,
  ])
})

it('counts from 0 again after 2^31-1, as the broker does', () => {
  expect([sequenceAfter(2 ** 31 - 1, 1), sequenceAfter(2 ** 31 - 3, 5), sequenceAfter(2 ** 31 - 2, 1)]).toEqual([0, 2, 2 ** 31 - 1])
})

it('counts the bytes that are not acknowledged', () => {
  const queue = queueOf(10)
  expect(queue.bytes).toBeGreaterThan(60)
  const [sealed] = sendAll(queue)
  expect(queue.bytes).toBe(sealed!.bytes.length)
  queue.acknowledge(sealed!)
  expect([queue.bytes, queue.busy]).toEqual([0, false])
})

it('keeps no batch for a record that could not be written', () => {
  const queue = queueOf()
  expect(() => queue.append(Number.NaN, null, 'x')).toThrow('timestamp')
  queue.close()
  expect([queue.bytes, queue.busy]).toEqual([0, false])
})

it('fills the batch that waits, unless full ones wait, too: then what comes later must not go with it', () => {
  for (const [full, batches] of [
    [() => {}, 6],
    [undefined, 7],
  ] as const) {
    const queue = new PartitionQueue({ topic: 't', partition: 0 }, identity, { ...options, full })
    fill(queue, 1)
    queue.acknowledge(queue.next())
    const sent: Sealed[] = []
    for (let i = 1; i <= onTheWayMax; i++) {
      fill(queue, i)
      sent.push(queue.next())
    }
    fill(queue, 1)
    fill(queue, 1)
    for (const each of sent) queue.acknowledge(each)
    expect(sent.length + sendAll(queue).length).toBe(batches)
  }
})

it('sends the records of a batch that is too large in two, with the same numbers', () => {
  const queue = queueOf(5, 1)
  const [large, small] = sendAll(queue)
  expect(queue.split(large!)).toBe(true)
  queue.retry()
  const again = sendAll(queue)
  queue.acknowledge(again[0]!)
  again.push(...sendAll(queue))
  expect(again.map(walk)).toEqual([3, 2, 1])
  expect(numbers(again)).toEqual([1, 4, 6].map(sequence => [3, sequence]))
  expect(again[2]).toBe(small)
  expect(queue.bytes).toBe(again[1]!.bytes.length + again[2]!.bytes.length)
  expect(queue.split(again[2]!)).toBe(false)
})

it('has never more than five on the way, also when one became two', () => {
  const queue = queueOf(2, 2, 2, 2, 2)
  const sent = sendAll(queue)
  for (const each of sent) queue.split(each)
  const [first] = sendAll(queue)
  queue.acknowledge(first!)
  expect(sendAll(queue)).toHaveLength(onTheWayMax)
})

it('says whether what it throws away had numbers', () => {
  const queue = queueOf(1, 2)
  expect(queue.discard()).toBe(false)
  fill(queue, 3)
  queue.next()
  expect([queue.discard(), queue.bytes, queue.busy]).toEqual([true, 0, false])
})

it.each(codecs)('compresses with %s what reads back as it was', codec => {
  const queue = new PartitionQueue({ topic: 't', partition: 0 }, identity, { ...options, codec })
  fill(queue, 500)
  const [sealed] = sendAll(queue)
  expect(walk(sealed!)).toBe(500)
  if (codec !== 'none') expect(sealed!.bytes.length).toBeLessThan(3000)
  queue.acknowledge(sealed!)
  expect(queue.bytes).toBe(0)
})
