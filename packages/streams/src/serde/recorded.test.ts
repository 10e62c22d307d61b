import { expect, it } from 'vitest'
import type { Serde } from '../contract/serde.ts'
import { hex, vectors } from '../wire/vectors.fixture.ts'
import { float64, int32, int64 } from './numbers.ts'
import { text } from './text.ts'

interface SerdeVector {
  readonly serde: 'integer' | 'long' | 'double' | 'string'
  readonly value: string | null
  readonly hex: string | null
}
const serdes = { integer: int32, long: int64, double: float64, string: text }
const given = vectors<SerdeVector>('serdes').filter(vector => vector.value !== null)
const isExact = ({ serde, value }: SerdeVector): boolean => serde !== 'long' || Number.isSafeInteger(Number(value))

it.each(given.filter(isExact))('$serde $value is $hex', vector => {
  const serde = serdes[vector.serde] as Serde<string | number>
  const value = vector.serde === 'string' ? vector.value! : Number(vector.value)
  expect(Buffer.from(serde.encode(value)).toString('hex')).toBe(vector.hex)
  expect(Object.is(serde.decode(hex(vector.hex!)), value)).toBe(true)
  if (serde.text) expect(Buffer.from(serde.text(value)).toString('hex')).toBe(vector.hex)
  if (serde.decodeAt) expect(serde.decodeAt(hex(`db${vector.hex}db`), 1, 1 + vector.hex!.length / 2)).toBe(value)
})

it.each(given.filter(vector => !isExact(vector)))('$serde $value is beyond what a number holds', vector => {
  expect(() => int64.decode(hex(vector.hex!))).toThrow('beyond ±(2^53-1)')
  expect(() => int64.encode(Number(vector.value))).toThrow('within ±(2^53-1)')
})
