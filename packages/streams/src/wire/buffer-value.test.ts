import { expect, it } from 'vitest'
import { type BufferValue, decodeBufferValue, encodeBufferValue } from './buffer-value.ts'
import { hex, vectors } from './vectors.fixture.ts'

interface Vector {
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

const bytes = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text))
const record = { timestamp: 77, headers: [['h', Buffer.from('x')]] as const }

const meaning = ({ prior, old, context: { ts, headers, ...place }, bufferTime, ...vector }: Vector): BufferValue => ({
  prior: bytes(prior),
  previous: bytes(old),
  value: bytes(vector.new),
  context: { ...place, timestamp: ts, headers: headers.map(([name, value]) => [name, value === null ? null : hex(value)]) },
  time: bufferTime,
})

const shown = (raw: Uint8Array | null): string | null => (raw === null ? null : Buffer.from(raw).toString('hex'))
/** The same with its bytes as text, whatever class they have. */
const plain = ({ context, prior, previous, value, time }: BufferValue) => ({
  context: { ...context, headers: context.headers.map(([name, raw]) => [name, shown(raw)]) },
  values: [prior, previous, value].map(shown),
  time,
})
const compare = (a: BufferValue, b: BufferValue): void => expect(plain(a)).toEqual(plain(b))

const all = vectors<Vector>('suppress-changelog')

it.each(all)('writes and reads $hex', vector => {
  expect(encodeBufferValue(meaning(vector)).toString('hex')).toBe(vector.hex)
  compare(decodeBufferValue(hex(vector.hex), 3, record, undefined), meaning(vector))
})

const int = (n: number): Buffer => {
  const out = Buffer.alloc(4)
  out.writeInt32BE(n)
  return out
}
const long = (n: number): Buffer => {
  const out = Buffer.alloc(8)
  out.writeBigInt64BE(BigInt(n))
  return out
}
const sized = (value: Buffer | null): Buffer => (value === null ? int(-1) : Buffer.concat([int(value.length), value]))
const context = Buffer.concat([long(5), long(6), sized(bytes('in')), int(1), int(0)])
const change = Buffer.concat([sized(bytes('old')), sized(bytes('new'))])
const expected: BufferValue = {
  context: { timestamp: 5, offset: 6, topic: 'in', partition: 1, headers: [] },
  prior: bytes('prior'),
  previous: bytes('old'),
  value: bytes('new'),
  time: 9,
}

it('reads version 0: time and change; the context is that of the record', () => {
  const raw = Buffer.concat([long(9), change])
  const here = { timestamp: 77, offset: -1, topic: '', partition: -1, headers: record.headers }
  compare(decodeBufferValue(raw, 0, record, bytes('prior')), { ...expected, context: here })
  compare(decodeBufferValue(raw, 0, record, undefined), { ...expected, prior: bytes('old'), context: here })
})

it('reads version 1: time, context, change; nothing that waited before is as none', () => {
  const raw = Buffer.concat([long(9), context, sized(change)])
  compare(decodeBufferValue(raw, 1, record, bytes('prior')), expected)
  compare(decodeBufferValue(raw, 1, record, null), { ...expected, prior: bytes('old') })
})

it('reads version 2: context, change, prior, time; or what some releases called so, which is version 3', () => {
  compare(decodeBufferValue(Buffer.concat([context, sized(change), sized(bytes('prior')), long(9)]), 2, record, undefined), expected)
  compare(decodeBufferValue(encodeBufferValue(expected), 2, record, undefined), expected)
  for (const vector of all) compare(decodeBufferValue(hex(vector.hex), 2, record, undefined), meaning(vector))
})

it('reads a context of version 3 that has no count of headers', () => {
  const old = Buffer.concat([context.subarray(0, -4), int(-1), sized(bytes('prior')), change, long(9)])
  compare(decodeBufferValue(old, 3, record, undefined), expected)
})

it('keeps no view of the headers', () => {
  const raw = encodeBufferValue({ ...expected, context: { ...expected.context, headers: [['h', Buffer.from('abc')]] } })
  const { headers } = decodeBufferValue(raw, 3, record, undefined).context
  raw.fill(0xdb)
  expect(headers).toEqual([['h', Uint8Array.of(97, 98, 99)]])
})

it('refuses what is cut short or too long', () => {
  const raw = encodeBufferValue(expected)
  for (let length = 0; length < raw.length; length++) {
    for (const version of [2, 3]) expect(() => decodeBufferValue(raw.subarray(0, length), version, record, undefined)).toThrow(RangeError)
  }
  expect(() => decodeBufferValue(Buffer.concat([raw, int(0)]), 3, record, undefined)).toThrow('4 bytes too many')
  expect(() => decodeBufferValue(Buffer.concat([long(9), context, int(-1)]), 1, record, undefined)).toThrow('without what it must have')
})
