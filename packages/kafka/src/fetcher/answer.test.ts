import { BatchEncoder } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { endOf, fetchRequest, formatOf } from './answer.ts'
import { Frames } from './frames.ts'

const int = (bytes: number, value: number): Buffer => {
  const b = Buffer.alloc(bytes)
  b.writeIntBE(value, bytes === 8 ? 2 : 0, Math.min(bytes, 6))
  return b
}
const list = (...items: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([items.length + 1]), ...items.map(item => Buffer.concat([item, Buffer.from([0])]))])
const [int16, int32, int64] = [2, 4, 8].map(bytes => (value: number) => int(bytes, value)) as [
  (n: number) => Buffer,
  (n: number) => Buffer,
  (n: number) => Buffer,
]

/** A broker's answer about one partition. */
const answerOf = (aborted: readonly (readonly [number, number])[], records: Buffer, errorCode = 0): Buffer => {
  const transactions = list(...aborted.map(([producerId, first]) => Buffer.concat([int64(producerId), int64(first)])))
  const length = Buffer.from([((records.length + 1) & 127) | 128, (records.length + 1) >> 7])
  const partition = [int32(3), int16(errorCode), int64(90), int64(80), int64(0), transactions, int32(-1), length, records]
  const topic = Buffer.concat([Buffer.alloc(16, 1), list(Buffer.concat(partition))])
  return Buffer.concat([int32(0), int16(0), int32(0), list(topic), Buffer.from([0])])
}

const limits = { waitMs: 1, bytesMax: 10, partitionBytesMax: 10, committed: true }
const { request } = fetchRequest(new Frames(), [], limits)

const batch = (records: number): Buffer => {
  const encoder = new BatchEncoder()
  for (let i = 0; i < records; i++) encoder.append(1, null, `${i}`)
  return encoder.finish(-1, -1, -1, false, { crc: true })
}

it('lists aborted transactions by their first offset, in whatever order the broker has them', () => {
  const { partitions } = request.parse(
    answerOf(
      [
        [7, 50],
        [8, 10],
        [7, 20],
      ],
      batch(2),
    ),
  )
  expect(partitions[0]).toMatchObject({ partition: 3, errorCode: 0, highWatermark: 90, lastStable: 80 })
  expect(partitions[0]!.aborted.map(({ producerId, firstOffset }) => [producerId, firstOffset])).toEqual([
    [8, 10],
    [7, 20],
    [7, 50],
  ])
})

it('ends at the last whole batch', () => {
  const whole = batch(5)
  const { body, partitions } = request.parse(answerOf([], Buffer.concat([whole, whole.subarray(0, 70)])))
  expect(endOf(body, partitions[0]!, 2)).toBe(5)
  expect(formatOf(body, partitions[0]!)).toBe(2)
  const cut = request.parse(answerOf([], whole.subarray(0, 60)))
  expect(endOf(cut.body, cut.partitions[0]!, 2)).toBe(2)
})

it.each([0, 1])('knows a message of format %i, which may be shorter than the header of a batch', format => {
  // Offset, size, checksum, format, attributes, timestamp (1 only), null key, value of one byte.
  const body = [int32(0), Buffer.from([format, 0]), ...(format === 1 ? [int64(5)] : []), int32(-1), int32(1), Buffer.from('v')]
  const message = Buffer.concat([int64(7), int32(Buffer.concat(body).length), ...body])
  const { body: frame, partitions } = request.parse(answerOf([], message))
  expect(message.length).toBeLessThan(61)
  expect(formatOf(frame, partitions[0]!)).toBe(format)
})

it('throws what the broker says of all partitions together', () => {
  const frame = Buffer.concat([int32(0), int16(29), int32(0), Buffer.from([1, 0])])
  expect(() => request.parse(frame)).toThrow('TOPIC_AUTHORIZATION_FAILED')
})
