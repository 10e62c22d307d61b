import { expect, it } from 'vitest'
import { readUnmatchedKey, readUnmatchedList, UnmatchedWriter } from './outer-join.ts'
import { hex, vectors } from './vectors.fixture.ts'

interface Unmatched {
  readonly key: string
  readonly ts: number
  readonly side: 'left' | 'right'
  readonly values: readonly string[]
  readonly storeKeyHex: string
  readonly listHex: string
}

const writer = new UnmatchedWriter()
function listOf(side: 0 | 1, values: readonly (string | Uint8Array)[]): string {
  writer.begin(values.length)
  for (const value of values) writer.add(side, value)
  return writer.list().toString('hex')
}

it.each(vectors<Unmatched>('outer-join-store'))('writes and reads $storeKeyHex as Kafka Streams does', vector => {
  const side = vector.side === 'left' ? 1 : 0
  expect(writer.key(vector.ts, side, vector.key).toString('hex')).toBe(vector.storeKeyHex)
  expect(writer.key(vector.ts, side, Buffer.from(vector.key)).toString('hex')).toBe(vector.storeKeyHex)
  expect(listOf(side, vector.values)).toBe(vector.listHex)
  expect(
    listOf(
      side,
      vector.values.map(value => Buffer.from(value)),
    ),
  ).toBe(vector.listHex)
  const { time, side: read, key } = readUnmatchedKey(hex(vector.storeKeyHex))
  expect([time, read, Buffer.from(key).toString()]).toEqual([vector.ts, side, vector.key])
  expect(readUnmatchedList(hex(vector.listHex)).map(value => Buffer.from(value).toString())).toEqual(vector.values)
})

it('makes room for what is long', () => {
  const long = 'é'.repeat(5000)
  const values = [long, '', long, 'x']
  expect(readUnmatchedList(hex(listOf(1, values))).map(value => Buffer.from(value).toString())).toEqual(values)
  expect(Buffer.from(readUnmatchedKey(writer.key(7, 0, long)).key).toString()).toBe(long)
})

it.each(['00', '00000000000000000', '000000010000000100', '0100000001000000050161', '01000000010000000001'])(
  'refuses the list %s',
  torn => {
    expect(() => readUnmatchedList(hex(torn))).toThrow(RangeError)
  },
)

it('refuses a key without a side', () => {
  expect(() => readUnmatchedKey(hex('0000000000000000'))).toThrow('at least 9 bytes, not 8')
})
