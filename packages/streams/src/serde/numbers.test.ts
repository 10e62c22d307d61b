import fc from 'fast-check'
import { expect, it } from 'vitest'
import { float64, int32, int64 } from './numbers.ts'

it('int64 keeps every safe integer', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), n => {
      const bytes = int64.encode(n)
      expect(Buffer.from(bytes).readBigInt64BE()).toBe(BigInt(n))
      expect(int64.decode(bytes)).toBe(n)
    }),
  )
})

it('decodes a view by what it shows', () => {
  const frame = Buffer.concat([Buffer.alloc(3, 0xdb), int64.encode(-5), int32.encode(-6), float64.encode(0.5), Buffer.alloc(3, 0xdb)])
  expect([int64.decode(frame.subarray(3, 11)), int32.decode(frame.subarray(11, 15)), float64.decode(frame.subarray(15, 23))]).toEqual([
    -5, -6, 0.5,
  ])
})

it.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1' as unknown as number])('int64 refuses %s', value => {
  expect(() => int64.encode(value)).toThrow('int64 wants a whole number')
})

it.each([0.5, 2 ** 31, -(2 ** 31) - 1, Number.NaN])('int32 refuses %d', value => {
  expect(() => int32.encode(value)).toThrow('int32 wants a whole number of 32 bits')
})

it('float64 refuses what is no number, and keeps NaN', () => {
  expect(() => float64.encode('1' as unknown as number)).toThrow('float64 wants a number, not string')
  expect(float64.decode(float64.encode(Number.NaN))).toBeNaN()
})

it.each([int64, int32, float64])('$passId refuses bytes of another length', serde => {
  expect(() => serde.decode(Buffer.alloc(5))).toThrow('bytes, not 5')
})
