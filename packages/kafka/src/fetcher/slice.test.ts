import { BatchEncoder } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { copiesBytesMax } from './fetcher.ts'
import { Frames } from './frames.ts'
import { Slice } from './slice.ts'

/** Two slices in one frame, with the values a0 … and b0 …. */
function slices(records = 3) {
  const batches = ['a', 'b'].map(letter => {
    const encoder = new BatchEncoder()
    for (let i = 0; i < records; i++) encoder.append(1, null, `${letter}${i}`)
    return encoder.finish(-1, -1, -1, false, { crc: true })
  })
  const frames = new Frames()
  const frame = frames.take(batches[0]!.length + batches[1]!.length)
  Buffer.concat(batches).copy(frame.bytes)
  const made = batches.map((batch, partition) => {
    const start = partition * batches[0]!.length
    const fetched = {
      topicId: '',
      partition,
      errorCode: 0,
      highWatermark: 9,
      lastStable: 8,
      aborted: [],
      start,
      end: start + batch.length,
    }
    const data = frame.bytes.subarray(start, start + batch.length)
    return new Slice({ topic: 't', from: 0, committed: true, poison: true }, fetched, frame, data)
  })
  frame.release()
  return { frames, frame, first: made[0]!, second: made[1]! }
}

function valuesOf(slice: Slice): string[] {
  const cursor = slice.cursor()
  const values: string[] = []
  while (cursor.next()) values.push(cursor.valueFrame.toString('utf8', cursor.valueStart, cursor.valueEnd))
  return values
}

it('is poisoned when it is released, and leaves its neighbours as they are', () => {
  const { first, second, frame, frames } = slices()
  first.release()
  expect(frame.bytes.subarray(0, first.bytes).every(byte => byte === 0xdb)).toBe(true)
  expect(valuesOf(second)).toEqual(['b0', 'b1', 'b2'])
  expect(frames.lent).toBe(1)
  second.release()
  expect(frames.lent).toBe(0)
  expect(() => second.release()).toThrow('LOAN_RELEASED')
})

it('gives its frame back when it moves to one of its own, and that one when it is released', () => {
  const copies = new Frames(copiesBytesMax, 0)
  const { first, second, frames } = slices()
  expect(first.share).toBe(0.5)
  first.moveOut(copies)
  expect(first.share).toBe(1)
  second.release()
  expect(frames.lent).toBe(0)
  frames.take(100).bytes.fill(0)
  expect([valuesOf(first), copies.lent]).toEqual([['a0', 'a1', 'a2'], 1])
  first.release()
  expect(copies.lent).toBe(0)
})

it('notices damage, and says where', () => {
  const { first, second, frame } = slices()
  frame.bytes[frame.bytes.length - 2]! ^= 1
  expect(valuesOf(first)).toEqual(['a0', 'a1', 'a2'])
  const thrown = (): unknown => {
    try {
      return valuesOf(second)
    } catch (error) {
      return error
    }
  }
  expect(thrown()).toMatchObject({
    code: 'RIACHO_BATCH_CORRUPT',
    message: expect.stringMatching(/^RIACHO_BATCH_CORRUPT: t, partition 1: the checksum of the batch at offset 0 is wrong/),
    place: { topic: 't', partition: 1, offset: 0 },
  })
})
