import { expect, it } from 'vitest'
import { bytes } from './bytes.ts'

it('hands bytes through', () => {
  const kept = Uint8Array.of(1, 2)
  expect(bytes.encode(kept)).toBe(kept)
  expect([...bytes.decode(Buffer.from([1, 2, 3]).subarray(1))]).toEqual([2, 3])
})

it('decodes copies of any length that may be kept', () => {
  const frame = Buffer.from(Array.from({ length: 40_000 }, (_, i) => (i * 7) % 251))
  const expected = Uint8Array.from(frame)
  const kept: [start: number, copy: Uint8Array][] = []
  for (let length = 0, start = 0; start + length <= frame.length; start += length, length = (length + 37) % 1300)
    kept.push([start, bytes.decodeAt!(frame, start, start + length)])
  frame.fill(0xdb)
  for (const [start, copy] of kept) expect(copy).toEqual(expected.subarray(start, start + copy.length))
  expect(kept.length).toBeGreaterThan(50)
})
