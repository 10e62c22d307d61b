import { gzipSync, zstdCompressSync } from 'node:zlib'
import { BatchCursor, BatchEncoder, batchField, type RecordCursor } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { type Codec, codecs, compressed, decompress } from './compression.ts'
import { librdkafkaSegments } from './librdkafka.fixture.ts'

const text = (frame: Buffer, start: number, end: number): string | null => (start < 0 ? null : frame.toString('utf8', start, end))

function rowsOf(cursor: RecordCursor) {
  const rows = []
  while (cursor.next()) {
    const { keyFrame, keyStart, keyEnd, valueFrame, valueStart, valueEnd } = cursor
    const headers = cursor.headers().map(([name, value]) => [name, value === null ? null : Buffer.from(value).toString()])
    rows.push({ offset: cursor.offset, key: text(keyFrame, keyStart, keyEnd), value: text(valueFrame, valueStart, valueEnd), headers })
  }
  return rows
}

const cursorOf = (bytes: Buffer, from = 0) => new BatchCursor(bytes, 0, bytes.length, from, { decompress, checkCrc: true, aborted: [] })

it.each(codecs)('reads what librdkafka writes with %s', codec => {
  const bytes = Buffer.from(librdkafkaSegments[codec], 'base64')
  const cursor = cursorOf(bytes)
  const headers = [
    ['trace', 'abc'],
    ['empty', ''],
  ]
  expect(rowsOf(cursor)).toEqual(
    Array.from({ length: 20 }, (_, i) => ({
      offset: i,
      key: `k${i}`,
      value: i % 7 === 3 ? null : `${'valor çã '.repeat((i % 5) + 1)}${i}`,
      headers,
    })),
  )
  expect(cursor.position).toBe(20)
  expect(bytes.readInt16BE(batchField.attributes) & 7).toBe(codecs.indexOf(codec))
})

it('shows the time of appending where the topic says so', () => {
  const bytes = Buffer.from(librdkafkaSegments.gzip, 'base64')
  const cursor = cursorOf(bytes)
  const times = new Set<number>()
  while (cursor.next()) times.add(cursor.timestamp)
  expect([...times]).toEqual([Number(bytes.readBigInt64BE(batchField.maxTimestamp))])
})

const batch = (): Buffer => {
  const encoder = new BatchEncoder()
  for (let i = 0; i < 50; i++) encoder.append(i, i % 3 === 0 ? null : `k${i}`, i % 4 === 0 ? null : `v${'x'.repeat(i)}`, [['h', null]])
  return Buffer.from(encoder.finish(5, 1, 7, true, { crc: true }))
}

it.each(codecs)('%s: what is compressed is read as it was, from any offset, and damage is noticed', codec => {
  const plain = batch()
  const packed = compressed(plain, codec)
  expect(rowsOf(cursorOf(packed))).toEqual(rowsOf(cursorOf(plain)))
  expect(rowsOf(cursorOf(packed, 33)).map(({ offset }) => offset)).toEqual(Array.from({ length: 17 }, (_, i) => 33 + i))
  for (let at = batchField.attributes; at < packed.length; at += 3) {
    const damaged = Buffer.from(packed)
    damaged[at]! ^= 0x10
    expect(() => rowsOf(cursorOf(damaged))).toThrow(/RIACHO_BATCH_CORRUPT/)
  }
})

it.each(codecs.filter(codec => codec !== 'none'))('%s: bytes that cannot be decompressed are damage, not a crash', codec => {
  const packed = compressed(batch(), codec)
  packed.fill(0xff, 61)
  const cursor = new BatchCursor(packed, 0, packed.length, 0, { decompress, of: { topic: 't', partition: 4 } })
  expect(() => cursor.next()).toThrow(/RIACHO_BATCH_CORRUPT: t, partition 4: the batch at offset 0 .*cannot be decompressed/)
})

const recordBytesMax = 256 << 20

it('takes no more memory for the records of a batch than its limit, whatever a few bytes claim', () => {
  const zeros = Buffer.alloc(recordBytesMax + 1)
  const claims = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0x00])
  const block = Buffer.concat([Buffer.from('\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x06', 'latin1'), claims])
  const packed = { gzip: gzipSync(zeros), zstd: zstdCompressSync(zeros), snappy: claims, 'snappy in blocks': block }
  for (const [name, bytes] of Object.entries(packed)) {
    const codec = codecs.indexOf(name.split(' ')[0] as Codec)
    const refused = { code: 'CORRUPT_MESSAGE', retriable: false, cause: expect.any(RangeError) }
    expect(() => decompress(codec, bytes, 0, bytes.length), name).toThrow(expect.objectContaining(refused))
  }
  const most = gzipSync(zeros.subarray(1))
  expect(decompress(codecs.indexOf('gzip'), most, 0, most.length)).toHaveLength(recordBytesMax)
})

it('names a codec that nobody knows', () => {
  const plain = batch()
  plain.writeInt16BE(plain.readInt16BE(batchField.attributes) | 5, batchField.attributes)
  const cursor = new BatchCursor(plain, 0, plain.length, 0, { decompress })
  expect(() => cursor.next()).toThrow('UNSUPPORTED_COMPRESSION_TYPE: codec 5')
})
