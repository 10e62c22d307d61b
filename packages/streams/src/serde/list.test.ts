import fc from 'fast-check'
import { expect, it } from 'vitest'
import { list } from './list.ts'
import { int64 } from './numbers.ts'
import { text } from './text.ts'

it('reads back what it wrote', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), values => {
      expect(list(text).decode(list(text).encode(values))).toEqual(values)
    }),
  )
  expect(list(list(int64)).decode(list(list(int64)).encode([[1], [], [2, 3]]))).toEqual([[1], [], [2, 3]])
})

it('refuses bytes that are cut short or lie about their number', () => {
  const whole = Buffer.from(list(text).encode(['a', 'bc']))
  for (let end = 0; end < whole.length; end++) expect(() => list(text).decode(whole.subarray(0, end))).toThrow(RangeError)
  expect(() => list(text).decode(Buffer.from([0x7f, 255, 255, 255, 0, 0, 0, 0]))).toThrow('does not hold')
  expect(() => list(text).decode(Buffer.from([0, 0, 0, 1, 255, 255, 255, 255]))).toThrow('cut short')
})
