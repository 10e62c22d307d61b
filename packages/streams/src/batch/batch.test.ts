import { gunzipSync } from 'node:zlib'
import { createRecordsBatch, jsCRC32C, Reader, readRecordsBatch } from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Headers } from '../contract/record.ts'
import { crc32c } from './crc32c.ts'
import { BatchCursor, type CursorOptions } from './decoder.ts'
import { BatchEncoder, encodeMarker } from './encoder.ts'
import { batchField, headerBytes, writeLong } from './layout.ts'

interface Row {
  readonly timestamp: number
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers: Headers
}

const row = (value: Row['value'], timestamp = 1_700_000_000_000, key: Row['key'] = null, headers: Headers = []): Row => ({
  timestamp,
  key,
  value,
  headers,
})

function encode(rows: readonly Row[], { base = 0, producerId = -1, transactional = false, encoder = new BatchEncoder() } = {}): Buffer {
  for (const { timestamp, key, value, headers } of rows) encoder.append(timestamp, key, value, headers)
  const batch = encoder.finish(producerId, producerId < 0 ? -1 : 0, producerId < 0 ? -1 : 0, transactional, { crc: true, detach: true })
  writeLong(batch, base, batchField.baseOffset)
  return batch
}

const marker = (kind: 'commit' | 'abort', producerId: number, base: number): Buffer => {
  const batch = encodeMarker(kind, producerId, 0, 1_700_000_000_000)
  writeLong(batch, base, batchField.baseOffset)
  return batch
}

function decode(slice: Buffer, from = 0, options: CursorOptions = {}, start = 0) {
  const cursor = new BatchCursor(slice, start, slice.length, from, { checkCrc: true, ...options })
  const rows = []
  while (cursor.next()) {
    const key = cursor.keyStart < 0 ? null : Buffer.from(cursor.keyFrame.subarray(cursor.keyStart, cursor.keyEnd))
    const value = cursor.valueStart < 0 ? null : Buffer.from(cursor.valueFrame.subarray(cursor.valueStart, cursor.valueEnd))
    rows.push({
      offset: cursor.offset,
      timestamp: cursor.timestamp,
      key,
      value,
      headers: cursor.hasHeaders ? cursor.headers() : [],
      position: cursor.position,
    })
  }
  return { rows, position: cursor.position }
}

const bytes = (of: string | Uint8Array | null): Buffer | null => (of === null ? null : Buffer.from(of as Uint8Array))
const plain = (rows: readonly Row[]) =>
  rows.map(({ timestamp, key, value, headers }) => ({
    timestamp,
    key: bytes(key),
    value: bytes(value),
    headers: headers.map(([name, v]) => [name, bytes(v)]),
  }))
const seen = (slice: Buffer, options?: CursorOptions) =>
  decode(slice, 0, options).rows.map(({ timestamp, key, value, headers }) => ({
    timestamp,
    key,
    value,
    headers: headers.map(([name, v]) => [name, bytes(v)]),
  }))
const offsets = (slice: Buffer, from?: number, options?: CursorOptions) => decode(slice, from, options).rows.map(one => one.offset)

// Without lone surrogates: UTF-8 has none.
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.string({ maxLength: 20 }),
  fc.string({ minLength: 55, maxLength: 70, unit: 'binary-ascii' }),
)
const field = fc.oneof(fc.constant(null), text, fc.uint8Array({ maxLength: 300 }))
const header = fc.tuple(text, fc.option(fc.uint8Array({ maxLength: 100 })))
const timestamp = fc.oneof(
  fc.integer({ min: 1_600_000_000_000, max: 1_700_000_000_000 }),
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_100 }),
  fc.maxSafeInteger(),
  fc.constantFrom(-1, 0),
)
const rows = fc.array(fc.record({ timestamp, key: field, value: field, headers: fc.array(header, { maxLength: 3 }) }), {
  minLength: 1,
  maxLength: 30,
})

describe('record batches', () => {
  it('read back as they were written', () => {
    const encoder = new BatchEncoder(100)
    fc.assert(
      fc.property(rows, written => {
        expect(seen(encode(written, { encoder }))).toEqual(plain(written))
      }),
      { numRuns: 300, verbose: true },
    )
  })

  it('are read alike by another implementation, and another’s are read alike here', () => {
    fc.assert(
      fc.property(rows, written => {
        const batch = encode(written)
        const theirs = readRecordsBatch(Reader.from(batch))
        expect(
          theirs.records.map(record => [
            Number(theirs.firstTimestamp + record.timestampDelta),
            record.offsetDelta,
            record.key,
            record.value,
          ]),
        ).toEqual(plain(written).map((one, i) => [one.timestamp, i, one.key, one.value]))
        expect(theirs.crc).toBe(jsCRC32C(batch.subarray(batchField.attributes)))
        expect(Number(theirs.maxTimestamp)).toBe(Math.max(...written.map(one => one.timestamp)))
        // The other encoder (2.12.1) writes wide timestamp deltas wrongly, and reads them back as wrongly: it gets near ones.
        const near = written.map(one => ({ ...one, timestamp: 1_700_000_000_000 + (Math.abs(one.timestamp) % 1000) }))
        for (const compression of ['none', 'gzip'] as const)
          expect(seen(foreign(near, compression), { decompress: gunzip })).toEqual(plain(near))
      }),
      { numRuns: 100, verbose: true },
    )
  })

  it('take a value of 300 KB, in bytes and in characters of one to four bytes', () => {
    for (const value of [Buffer.alloc(300_000, 7), 'x'.repeat(300_000), 'é'.repeat(150_000), '🌊'.repeat(80_000)]) {
      const written = [row('before'), row(value), row('after')]
      expect(seen(encode(written))).toEqual(plain(written))
    }
  })

  it('keep every length of strings around the limits of their varints', () => {
    const encoder = new BatchEncoder()
    for (const unit of ['a', 'é', '€']) {
      for (const around of [0, 12, 21, 32, 42, 63, 127, 2730, 4095, 8191]) {
        for (let length = Math.max(0, around - 3); length < around + 4; length++) {
          const written = [row(unit.repeat(length), 5, unit.repeat(length))]
          expect(seen(encode(written, { encoder }))).toEqual(plain(written))
        }
      }
    }
  })

  it('keep timestamps of any distance', () => {
    const distances = [0, 63, -64, 64, 2 ** 31, -(2 ** 31), 2 ** 47, 2 ** 48, 2 ** 52 + 1, 2 ** 53 - 1]
    const written = [row('0', 0), ...distances.flatMap(distance => [row('+', distance), row('-', -distance + 0)])]
    expect(seen(encode(written)).map(one => one.timestamp)).toEqual(written.map(one => one.timestamp))
    const widest = [row('a', -(2 ** 53 - 1)), row('b', 2 ** 53 - 1)]
    expect(seen(encode(widest)).map(one => one.timestamp)).toEqual(widest.map(one => one.timestamp))
  })

  it('refuse what is no timestamp, and go on', () => {
    const encoder = new BatchEncoder()
    for (const bad of [Number.NaN, 1.5, 2 ** 53, Number.POSITIVE_INFINITY])
      expect(() => encoder.append(bad, null, 'x')).toThrow('RIACHO_TIMESTAMP')
    encoder.append(7, null, 'x')
    for (const bad of [Number.NaN, 1.5, 2 ** 53]) expect(() => encoder.append(bad, null, 'x')).toThrow('RIACHO_TIMESTAMP')
    encoder.append(8, null, 'y')
    expect(seen(encoder.finish(-1, -1, -1, false, { crc: true })).map(one => one.timestamp)).toEqual([7, 8])
  })

  it('refuse a record that may need more bytes than the limit, and are as they were', () => {
    const overhead = 36
    const lengthMax = 1000
    const encoder = new BatchEncoder(4096, lengthMax)
    const refused: readonly Row[] = [
      row(new Uint8Array(lengthMax - overhead + 1), 99),
      row('x'.repeat((lengthMax - overhead) / 3 + 1), 99),
      row('x'.repeat(200), 99, 'x'.repeat(200)),
      row('x', 99, null, [['name', new Uint8Array(lengthMax)]]),
    ]
    const written = [row('first', 1), row(new Uint8Array(lengthMax - overhead), 2)]
    for (const one of written) {
      for (const { timestamp, key, value, headers } of refused)
        expect(() => encoder.append(timestamp, key, value, headers)).toThrow(/RIACHO_ENCODE.* limit is 1000/)
      encoder.append(one.timestamp, one.key, one.value)
    }
    const { size } = encoder
    for (const { timestamp, key, value, headers } of refused)
      expect(() => encoder.append(timestamp, key, value, headers)).toThrow('RIACHO_ENCODE')
    expect(encoder.size).toBe(size)
    const batch = encoder.finish(-1, -1, -1, false, { crc: true })
    expect(seen(batch)).toEqual(plain(written))
    expect(Number(batch.readBigInt64BE(batchField.maxTimestamp))).toBe(2)
  })

  it('take no record above 1 GiB, which is the limit unless another is given', () => {
    // Its memory is never touched: it is refused before a byte is copied.
    const large = new Uint8Array(2 ** 30)
    expect(() => new BatchEncoder().append(1, null, large)).toThrow('RIACHO_ENCODE')
    expect(() => new BatchEncoder().append(1, null, large.subarray(0, 1000))).not.toThrow()
  })

  it('use their buffer again, unless it is given away', () => {
    const encoder = new BatchEncoder()
    encoder.append(1, null, 'one')
    const first = encoder.finish(-1, -1, -1, false, { crc: true })
    encoder.append(1, null, 'two')
    const second = encoder.finish(-1, -1, -1, false, { crc: true, detach: true })
    expect(first.buffer).toBe(second.buffer)
    encoder.append(1, null, 'six')
    expect(encoder.finish(-1, -1, -1, false, { crc: true }).buffer).not.toBe(second.buffer)
  })
})

describe('a cursor', () => {
  const ten = Array.from({ length: 10 }, (_, i) => row(String(i)))

  it('starts inside a batch, and ends before one that is not whole', () => {
    const slice = Buffer.concat([encode(ten, { base: 0 }), encode(ten, { base: 10 }), encode(ten, { base: 20 })])
    expect(offsets(slice, 7)[0]).toBe(7)
    expect(offsets(slice, 13)[0]).toBe(13)
    for (const cut of [1, 50, 61, 100]) {
      const { rows, position } = decode(slice.subarray(0, slice.length - cut))
      expect([rows.length, position]).toEqual([20, 20])
    }
    expect(decode(Buffer.concat([Buffer.alloc(33, 0xdb), slice]), 0, {}, 33).rows.length).toBe(30)
  })

  it('moves past gaps, empty batches and control batches', () => {
    const encoder = new BatchEncoder()
    encoder.append(1, 'k', 'a')
    encoder.skip(3)
    encoder.append(1, 'k', 'b')
    encoder.skip(5)
    const gaps = encoder.finish(-1, -1, -1, false, { crc: true, detach: true })
    encoder.skip(2)
    const empty = encoder.finish(-1, -1, -1, false, { crc: true, detach: true })
    writeLong(empty, 10, batchField.baseOffset)
    const { rows, position } = decode(Buffer.concat([gaps, empty, marker('commit', 5, 12)]))
    expect(rows.map(one => [one.offset, one.position])).toEqual([
      [0, 1],
      [4, 10],
    ])
    expect(position).toBe(13)
  })

  it('shows the time of appending when the topic says so', () => {
    const batch = encode([row('a', 1), row('b', 2)])
    batch.writeInt16BE(8, batchField.attributes)
    writeLong(batch, 99, batchField.maxTimestamp)
    batch.writeUInt32BE(crc32c(batch, batchField.attributes), batchField.crc)
    expect(seen(batch).map(one => one.timestamp)).toEqual([99, 99])
  })

  it('hides aborted transactions: several of one producer, of interleaved ones, and with a marker in an earlier or later slice', () => {
    const t = (producerId: number, base: number): Buffer => encode([row(String(base))], { base, producerId, transactional: true })
    const log = [
      t(1, 0),
      t(2, 1),
      marker('abort', 1, 2),
      t(1, 3),
      marker('commit', 2, 4),
      marker('commit', 1, 5),
      t(1, 6),
      encode([row('7')], { base: 7 }),
      marker('abort', 1, 8),
      t(1, 9),
      marker('commit', 1, 10),
    ]
    const aborted = [
      { producerId: 1, firstOffset: 0 },
      { producerId: 1, firstOffset: 6 },
    ]
    expect(offsets(Buffer.concat(log), 0, { aborted })).toEqual([1, 3, 7, 9])
    expect(offsets(Buffer.concat(log), 0)).toEqual([0, 1, 3, 6, 7, 9])
    expect(offsets(Buffer.concat(log.slice(0, 2)), 0, { aborted: [{ producerId: 1, firstOffset: 0 }] })).toEqual([1])
    expect(offsets(Buffer.concat(log.slice(7)), 7, { aborted: [{ producerId: 1, firstOffset: 6 }] })).toEqual([7, 9])
    expect(decode(Buffer.concat(log), 0, { aborted }).position).toBe(11)
  })

  it('hides what an aborted transaction writes behind the end of another one, of whatever producer', () => {
    const t = (producerId: number, base: number): Buffer => encode([row(String(base))], { base, producerId, transactional: true })
    const log = [t(1, 0), t(2, 1), marker('abort', 1, 2), t(2, 3), t(1, 4), marker('abort', 2, 5), t(2, 6), marker('commit', 1, 7), t(1, 8)]
    const aborted = [
      { producerId: 1, firstOffset: 0 },
      { producerId: 2, firstOffset: 1 },
      { producerId: 1, firstOffset: 8 },
    ]
    expect(offsets(Buffer.concat(log), 0, { aborted })).toEqual([4, 6])
    // A commit's marker ends nothing that is aborted: Java's algorithm looks at aborts alone.
    expect(offsets(Buffer.concat([t(1, 0), marker('commit', 2, 1), t(1, 2)]), 0, { aborted: aborted.slice(0, 1) })).toEqual([])
    // Compaction may have removed the marker: then the next transaction in the list says no more than what was known.
    expect(offsets(Buffer.concat([t(2, 1), t(2, 3), t(1, 4)]), 0, { aborted: aborted.slice(1, 2) })).toEqual([4])
  })

  it('names what is wrong with a batch', () => {
    const good = encode(ten)
    const broken = (change: (batch: Buffer) => void, options: CursorOptions = { checkCrc: false }) => {
      const batch = Buffer.from(good)
      change(batch)
      return () => decode(batch, 0, options)
    }
    expect(broken(b => b.fill(1, 70, 71), {})).toThrow('checksum')
    expect(broken(b => b.fill(1, batchField.magic, batchField.magic + 1))).toThrow('format 1')
    // An old message may be shorter than the header of a batch.
    expect(() => decode(Buffer.concat([good, Buffer.from('00000000000000070000000e0000000000000000000000ff', 'hex')]))).toThrow('format 0')
    expect(broken(b => b.writeInt32BE(5, batchField.length))).toThrow('5 bytes')
    expect(broken(b => b.fill(0x7f, headerBytes, headerBytes + 1))).toThrow('reaches past')
    expect(broken(b => b.writeInt32BE(2 ** 30, 0))).toThrow('2^53-1')
    expect(() => decode(foreign(ten, 'gzip'))).toThrow('RIACHO_BATCH_CORRUPT: the batch at offset 0 is compressed (codec 1)')
  })

  it('never reads outside its slice, whatever is in it', () => {
    const good = encode(ten)
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }), changes => {
        const batch = Buffer.from(good)
        for (const [at, byte] of changes) batch[at] = byte
        const cursor = new BatchCursor(batch, 0, batch.length, 0)
        try {
          for (let i = 0; i < 100 && cursor.next(); i++) {
            expect(cursor.valueEnd).toBeLessThanOrEqual(batch.length)
            cursor.headers()
          }
        } catch (thrown) {
          expect(String(thrown)).toContain('RIACHO_BATCH_CORRUPT')
        }
      }),
      { numRuns: 2000, verbose: true },
    )
  })
})

describe('crc32c', () => {
  it('gives the value of the standard, and of another implementation at every length', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
    const data = Buffer.from(Array.from({ length: 100 }, (_, i) => (i * 197) & 255))
    for (let start = 0; start < 20; start++)
      for (let end = start; end < 100; end += 7) expect(crc32c(data, start, end)).toBe(jsCRC32C(data.subarray(start, end)))
  })
})

const gunzip = (_codec: number, frame: Buffer, start: number, end: number): Buffer => gunzipSync(frame.subarray(start, end))

/** The same rows, encoded by another implementation. */
function foreign(written: readonly Row[], compression: 'none' | 'gzip'): Buffer {
  const messages = plain(written).map(({ timestamp, key, value, headers }) => ({
    topic: 't',
    timestamp: BigInt(timestamp),
    key: key as Buffer,
    value: value as Buffer,
    headers: new Map(headers.map(([name, v]) => [Buffer.from(name as string), v as Buffer])),
  }))
  const options = {
    compression,
    producerId: -1n,
    producerEpoch: -1,
    sequences: { getWithDefault: () => 0, set: () => {} },
    partitionLeaderEpoch: 0,
  } as unknown
  return createRecordsBatch(messages, options as Parameters<typeof createRecordsBatch>[1]).buffer
}
