import { expect, it } from 'vitest'
import { bytes } from './bytes.ts'

it('hands bytes through, and what it decodes may be kept', () => {
  const frame = Buffer.from([1, 2, 3])
  const kept = bytes.decode(frame.subarray(1))
  frame.fill(0xdb)
  expect([...kept]).toEqual([2, 3])
  expect(bytes.encode(kept)).toBe(kept)
})
