import { BatchCursor, batchField } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { codecs, decompress } from '../compression.ts'
import { type Identity, PartitionQueue, type Sealed } from './queue.ts'

const identity: Identity = { id: 7n, epoch: 3, transactionalId: null }
/** As many batches as a broker remembers. */
const onTheWayMax = 5

/** A queue with batches of so many records each. */
function queueOf(...sizes: number[]): PartitionQueue {
  const queue = new PartitionQueue({ topic: 't', partition: 0 }, { batchBytesMax: 1 << 20, codec: 'none', full: undefined })
  for (const size of sizes) fill(queue, size)
  return queue
}

function fill(queue: PartitionQueue, size: number): void {
  for (let i = 0; i < size; i++) queue.append(1, null, `${size}`)
  queue.close()
}

function sendAll(queue: PartitionQueue): Sealed[] {
  const sent: Sealed[] = []
  while (queue.ready) sent.push(queue.next(identity))
  return sent
}

const sequences = (batches: readonly Sealed[]) => batches.map(({ bytes }) => bytes.readInt32BE(batchField.baseSequence))
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
  expect(sequences(sent)).toEqual([0, 1, 3, 6, 10])
  queue.acknowledge(sent[0]!)
  expect(sequences(sendAll(queue))).toEqual([15])
})

it('sends the same bytes again in order after a failure, when nothing is on the way', () => {
  const queue = queueOf(1, 2, 3)
  const sent = sendAll(queue)
  const before = sent.map(({ bytes }) => Buffer.from(bytes))
  queue.retry()
  fill(queue, 4)
  expect(queue.ready).toBe(false)
  expect(queue.isFirst(sent[1]!)).toBe(false)
  queue.retry()
  queue.retry()
  const again = sendAll(queue)
  expect(again.slice(0, 3).map(({ bytes }) => bytes)).toEqual(before)
  expect(sequences(again)).toEqual([0, 1, 3, 6])
})

it('gives the numbers of a refused batch to those behind it', () => {
  const queue = queueOf(1, 2, 3)
  const [first, second, third] = sendAll(queue)
  queue.acknowledge(first!)
  queue.refuse(second!)
  queue.retry()
  fill(queue, 4)
  const again = sendAll(queue)
  expect(again[0]).toBe(third)
  expect(sequences(again)).toEqual([1, 4])
  expect(again.map(walk)).toEqual([3, 4])
})

it('counts from 0 again after 2^31-1', () => {
  const queue = queueOf()
  fill(queue, 3)
  const [sealed] = sendAll(queue)
  queue.acknowledge(sealed!)
  queue.restart()
  fill(queue, 2)
  expect(sequences(sendAll(queue))).toEqual([0])
})

it('counts the bytes that are not acknowledged', () => {
  const queue = queueOf(10)
  expect(queue.bytes).toBeGreaterThan(60)
  const [sealed] = sendAll(queue)
  expect(queue.bytes).toBe(sealed!.bytes.length)
  queue.acknowledge(sealed!)
  expect([queue.bytes, queue.busy, queue.unsure]).toEqual([0, false, false])
})

it.each(codecs)('compresses with %s what reads back as it was', codec => {
  const queue = new PartitionQueue({ topic: 't', partition: 0 }, { batchBytesMax: 1 << 20, codec, full: undefined })
  fill(queue, 500)
  const [sealed] = sendAll(queue)
  expect(walk(sealed!)).toBe(500)
  if (codec !== 'none') expect(sealed!.bytes.length).toBeLessThan(3000)
  queue.acknowledge(sealed!)
  expect(queue.bytes).toBe(0)
})
