import { expect, it } from 'vitest'
import { text } from '../serde/text.ts'
import { readLong, writeLong } from './long.ts'
import { partitionOf } from './murmur2.ts'
import { hex, vectors } from './vectors.fixture.ts'
import { windowedKey } from './windowed-key.ts'

interface WindowedVector {
  readonly key: string
  readonly start: number
  readonly timeWindow: { readonly end: number; readonly topicKeyHex: string; readonly partitions: readonly number[] }
}

it.each(vectors<WindowedVector>('windowed-keys'))('writes $key at $start as Kafka Streams does', ({ key, start, timeWindow }) => {
  const serde = windowedKey(text, timeWindow.end - start)
  const windowed = { key, start, end: timeWindow.end }
  expect(Buffer.from(serde.encode(windowed)).toString('hex')).toBe(timeWindow.topicKeyHex)
  expect(serde.decode(hex(timeWindow.topicKeyHex))).toEqual(windowed)
  const inner = serde.inner.encode(key)
  expect(timeWindow.partitions.map((_, i) => partitionOf(inner, i + 1))).toEqual(timeWindow.partitions)
})

it('refuses bytes without a start', () => {
  expect(() => windowedKey(text, 1).decode(hex('00000000000000'))).toThrow('at least 8 bytes, not 7')
})

it.each([0, 1, -1, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), 1_700_000_000_000, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])(
  'keeps the time %d',
  time => {
    const out = Buffer.alloc(10, 0xdb)
    writeLong(out, time, 1)
    expect(out.readBigInt64BE(1)).toBe(BigInt(time))
    expect([out[0], out[9]]).toEqual([0xdb, 0xdb])
    expect(readLong(out, 1)).toBe(time)
  },
)
