import { expect, it } from 'vitest'
import type { Headers } from '../contract/record.ts'
import { type Buffered, decodeBuffered, encodeBuffered } from './buffer-value.ts'
import { hex, vectors } from './vectors.fixture.ts'

interface BufferVector {
  readonly prior: string | null
  readonly old: string | null
  readonly new: string | null
  readonly context: {
    readonly ts: number
    readonly offset: number
    readonly partition: number
    readonly topic: string
    readonly headers: readonly (readonly [string, string | null])[]
  }
  readonly bufferTime: number
  readonly hex: string
}

const bytesOf = (value: string | null): Buffer | null => (value === null ? null : Buffer.from(value))
const all = vectors<BufferVector>('suppress-changelog')

const bufferedOf = ({ prior, old, new: value, context, bufferTime }: BufferVector): Buffered => ({
  topic: context.topic,
  partition: context.partition,
  offset: context.offset,
  timestamp: context.ts,
  headers: context.headers.map(([name, bytes]) => [name, bytes === null ? null : hex(bytes)] as const),
  prior: bytesOf(prior),
  previous: bytesOf(old),
  value: bytesOf(value),
  due: bufferTime,
})

const shown = (headers: Headers) => headers.map(([name, value]) => [name, value && Buffer.from(value).toString('hex')])

it.each(all)('writes and reads $hex', vector => {
  const buffered = bufferedOf(vector)
  expect(encodeBuffered(buffered).toString('hex')).toBe(vector.hex)
  const { headers, ...read } = decodeBuffered(hex(vector.hex))
  const { headers: written, ...rest } = buffered
  expect([read, shown(headers)]).toEqual([rest, shown(written)])
})

it('copies headers, which outlive the bytes', () => {
  const bytes = encodeBuffered({ ...bufferedOf(all[0]!), headers: [['é', Buffer.from('x')]] })
  const { headers } = decodeBuffered(bytes)
  bytes.fill(0xdb)
  expect(shown(headers)).toEqual([['é', '78']])
})

it('reads a context of old, without headers, and refuses what is cut short', () => {
  const old = hex(`00000000000000010000000000000002000000017400000003ffffffff${'ffffffff'.repeat(3)}0000000000000004`)
  expect(decodeBuffered(old)).toMatchObject({ topic: 't', partition: 3, offset: 2, headers: [], value: null, due: 4 })
  for (const end of [4, 18, 21, 30, old.length - 1]) expect(() => decodeBuffered(old.subarray(0, end))).toThrow(RangeError)
})
