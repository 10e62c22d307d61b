import { text } from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { keyBytesMax } from './file.ts'
import { innerIn, KeyWriter, lastIn, numberBytes, numberIn, wireKey } from './keys.ts'

const writer = new KeyWriter()
const keyOf = (key: string, number: number): string => writer.begin(1, key.length).inner(key).number(number).done()
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))

const key = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.constantFrom('\0', '\u{1}', 'a', 'ÿ', '中', '\u{1f600}')).map(units => units.join('')),
)
const number = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -3, max: 3 }))

it('keeps the order of key and number, and gives both back', () => {
  fc.assert(
    fc.property(fc.tuple(key, number), fc.tuple(key, number), ([a, m], [b, n]) => {
      const [one, other] = [keyOf(a, m), keyOf(b, n)]
      expect(Math.sign(byBytes(one, other))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)) || m - n))
      expect(numberIn(one, one.length - numberBytes)).toBe(m)
      expect(innerIn(one, 1, numberBytes)).toEqual(Buffer.from(a))
    }),
  )
})

it('takes keys as text and as bytes, in the middle and at the end', () => {
  fc.assert(
    fc.property(key, number, (key, number) => {
      const bytes = Buffer.from(key)
      expect(writer.begin(1, bytes.length).inner(bytes).number(number).done()).toBe(keyOf(key, number))
      const last = writer.begin(2, key.length).number(number).last(key).done()
      expect(writer.begin(2, bytes.length).number(number).last(bytes).done()).toBe(last)
      expect(lastIn(last, 1 + numberBytes)).toEqual(bytes)
      expect(numberIn(last, 1)).toBe(number)
    }),
  )
})

it('has an order with the greatest first, and ends for what has none', () => {
  const descending = (n: number): string => writer.begin(1, 0).descending(n).done()
  const order = [Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER, 1, 0, -1, Number.NEGATIVE_INFINITY]
  expect(order.map(descending).sort(byBytes)).toEqual(order.map(descending))
})

it('takes keys of up to keyBytesMax bytes', () => {
  const longest = 'k'.repeat(keyBytesMax - 1)
  expect(writer.begin(1, longest.length).last(longest).done().length).toBe(keyBytesMax)
  expect(() =>
    writer
      .begin(1, longest.length + 1)
      .last(`${longest}k`)
      .done(),
  ).toThrow(expect.objectContaining({ code: 'RIACHO_STORE_KEY', message: expect.stringContaining('shorter keys') }))
})

it('has the bytes that a serde makes', () => {
  expect(wireKey(text, 'é')).toBe('é')
  expect(wireKey({ encode: text.encode, decode: text.decode }, 'é')).toEqual(Buffer.from('é'))
})
