import { BatchEncoder } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { PartitionQueue, type Sealed } from './queue.ts'
import { Spares } from './spares.ts'

const spareBytesMax = 64 << 20

function queueOf(codec: 'none' | 'gzip' = 'none') {
  const identity = { id: 7n, epoch: 3, transactionalId: null }
  const options = { batchBytesMax: 1 << 20, codec, full: undefined, spares: new Spares() } as const
  const queue = new PartitionQueue({ topic: 't', partition: 0 }, identity, options)
  return (value: string): Sealed => {
    queue.append(1, null, value)
    queue.close()
    return queue.next()
  }
}

it('the memory of a batch is used again when it is acknowledged, and not before: until then it may have to be sent again', () => {
  const send = queueOf()
  const first = send('a')
  first.queue.acknowledge(first)
  const second = send('b')
  expect(second.bytes.buffer).toBe(first.bytes.buffer)
  const before = Buffer.from(second.bytes)
  const third = send('c')
  expect(third.bytes.buffer).not.toBe(second.bytes.buffer)
  second.queue.retry()
  third.queue.acknowledge(third)
  expect(second.queue.next()).toBe(second)
  expect(second.bytes).toEqual(before)
})

it('what was compressed was copied, so its memory is free at once', () => {
  const send = queueOf('gzip')
  const first = send('a')
  expect([first.memory, send('b').bytes.buffer === first.bytes.buffer]).toEqual([undefined, false])
})

it('keeps no more than its limit, and gives what is large enough', () => {
  const spares = new Spares()
  const half = [1, 2, 3].map(() => new BatchEncoder(spareBytesMax / 2))
  for (const each of half) spares.give(each)
  const taken = [1, 2, 3].map(() => spares.take(4096))
  expect(half.map(each => taken.includes(each))).toEqual([true, true, false])
  const small = new BatchEncoder(100)
  spares.give(small)
  expect(spares.take(small.capacity * 2)).toBe(small)
  spares.give(small)
  expect(spares.take(small.capacity * 2 + 1)).not.toBe(small)
})
