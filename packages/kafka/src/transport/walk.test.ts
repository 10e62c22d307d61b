import { expect, it } from 'vitest'
import { Walk } from './walk.ts'

it('passes over tags that it does not know, however long', () => {
  const long = Array<number>(200).fill(7)
  // Two tags: number 0 with three bytes, number 300 with two hundred; then a number, and an empty tag section.
  const item = [0, 0, 0, 5, 2, 0, 3, 9, 9, 9, 0xac, 2, 0xc8, 1, ...long]
  const walk = new Walk(Buffer.from([3, ...item, 0, 0, 0, 6, 0, 0xff]))
  expect(walk.list(() => walk.int32())).toEqual([5, 6])
  expect(walk.frame[walk.at]).toBe(0xff)
})

it('reads texts, null as empty, and ids', () => {
  const walk = new Walk(Buffer.from([3, 0xc3, 0xa3, 0, 1, ...Array.from({ length: 16 }, (_, i) => i)]))
  expect([walk.text(), walk.text(), walk.text()]).toEqual(['ã', '', ''])
  expect(walk.uuid()).toBe('00010203-0405-0607-0809-0a0b0c0d0e0f')
})

it('reads numbers up to 2^53-1, and refuses others', () => {
  const bytes = Buffer.alloc(16)
  bytes.writeBigInt64BE(-9007199254740991n, 0)
  bytes.writeBigInt64BE(9007199254740992n, 8)
  const walk = new Walk(bytes)
  expect(walk.int64()).toBe(-9007199254740991)
  expect(() => walk.int64()).toThrow('2^53-1')
})
