import fc from 'fast-check'
import { expect, it } from 'vitest'
import { avroBinary } from './avro-binary.ts'
import type { AvroSchema } from './schema.ts'

const order = {
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'client', type: ['null', 'string'], default: null },
    {
      name: 'lines',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'Line',
          fields: [
            { name: 'sku', type: 'string' },
            { name: 'n', type: 'int' },
          ],
        },
      },
    },
    { name: 'raw', type: 'bytes' },
  ],
} as const
const serde = avroBinary<unknown>(order)

const orders = fc.record({
  id: fc.string({ unit: 'grapheme' }),
  client: fc.option(fc.string()),
  lines: fc.array(fc.record({ sku: fc.string(), n: fc.integer() })),
  raw: fc.uint8Array({ maxLength: 20 }).map(bytes => Buffer.from(bytes)),
})

it('keeps every value, and keeps nothing of the frame', () => {
  fc.assert(
    fc.property(orders, value => {
      const bytes = serde.encode(value)
      expect(Buffer.from(serde.transient!(value))).toEqual(Buffer.from(bytes))
      const frame = Buffer.concat([Buffer.of(9), bytes, Buffer.of(9, 9)])
      const decoded = serde.decodeAt!(frame, 1, 1 + bytes.length)
      frame.fill(0xdb)
      expect(decoded).toEqual(value)
      expect(serde.decode(Uint8Array.from(bytes))).toEqual(value)
    }),
  )
})

it('hands out bytes that the next value does not change, also of a value larger than its scratch', () => {
  const value = (id: string) => ({ id, client: null, lines: [], raw: Buffer.alloc(0) })
  const first = serde.encode(value('first'))
  const large = value('ã'.repeat(3_000_000))
  expect(serde.decode(serde.encode(large))).toEqual(large)
  serde.encode(value('other'))
  expect(serde.decode(first)).toEqual(value('first'))
})

it.each([
  [{ id: 5, client: null, lines: [], raw: Buffer.alloc(0) }, "'id' is no string"],
  [{ id: 'a', client: null, lines: [{ sku: 'b', n: 2 ** 31 }], raw: Buffer.alloc(0) }, "'lines.0.n' is no int"],
  [{ id: 'a', client: 7, lines: [], raw: Buffer.alloc(0) }, "'client' is no"],
  [null, 'RIACHO_AVRO_VALUE'],
  [undefined, 'RIACHO_AVRO_VALUE'],
])('names what does not fit: %j', (value, words) => {
  expect(() => serde.encode(value)).toThrow(words)
})

it.each([
  ['no JSON', '{"type":'],
  ['an unknown type', { type: 'recordd', name: 'A', fields: [] }],
  ['a name that is none', { type: 'record', name: 'A', fields: [{ name: 'a b', type: 'int' }] }],
  ['a field that would be a prototype', { type: 'record', name: 'A', fields: [{ name: '__proto__', type: 'int' }] }],
  ['too deep', Array.from({ length: 70 }).reduce<unknown>(items => ({ type: 'array', items }), 'int')],
  ['too long', { type: 'enum', name: 'A', symbols: ['x'.repeat(2 << 20)] }],
  ['too many parts', { type: 'enum', name: 'A', symbols: Array.from({ length: 60_000 }, (_, i) => `S${i}`) }],
])('refuses a schema: %s', (_what, schema) => {
  expect(() => avroBinary(schema as AvroSchema)).toThrow('RIACHO_AVRO_SCHEMA')
})

it('refuses a long that no number holds', () => {
  const long = avroBinary<number>('long')
  expect(() => long.decode(Buffer.from([254, 255, 255, 255, 255, 255, 255, 255, 255, 1]))).toThrow('RIACHO_AVRO_BYTES')
})

it('says when equal values may have different bytes', () => {
  expect(avroBinary('string').notForKeys).toBeUndefined()
  expect(avroBinary({ type: 'map', values: 'int' }).notForKeys).toContain('no order')
  expect(avroBinary({ type: 'record', name: 'A', fields: [{ name: 'a', type: 'double' }] }).notForKeys).toContain('several zeros')
})

it('holds what it encodes for a moment until it encodes again itself, whatever others encode', () => {
  const key = avroBinary<string>('string')
  const held = key.transient!('the key')
  serde.transient!({ id: 'an order that is longer than the key', client: null, lines: [], raw: Buffer.alloc(100_000, 1) })
  avroBinary<string>('string').transient!('another')
  expect(key.decode(held)).toBe('the key')
})
