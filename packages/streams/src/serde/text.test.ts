import fc from 'fast-check'
import { expect, it } from 'vitest'
import { text } from './text.ts'

it('keeps every well-formed text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), value => {
      expect(text.decode(text.encode(value))).toBe(value)
    }),
  )
})

it('accepts every byte string', () => {
  expect(text.total).toBe(true)
  expect(text.decode(Buffer.from('61ff62', 'hex'))).toBe('a\ufffdb')
})

it('refuses what is no text, on both ways', () => {
  expect(() => text.encode(5 as unknown as string)).toThrow('text wants a string, not number')
  expect(() => text.text!({} as string)).toThrow('text wants a string, not object')
})
