import { expect, it } from 'vitest'
import { type Frame, Frames } from './frames.ts'

/** Whether they have the same memory. (Buffers that differ take a matcher gigabytes to print.) */
const same = (a: Frame, b: Frame): boolean => a.bytes.buffer === b.bytes.buffer

it('a frame is used again when its last holder has released it, not before', () => {
  const frames = new Frames()
  const first = frames.take(100_000)
  first.hold()
  first.release()
  expect(same(frames.take(100_000), first)).toBe(false)
  first.release()
  const again = frames.take(90_000)
  expect(same(again, first)).toBe(true)
  expect(again.bytes.length).toBe(90_000)
  expect(frames.lent).toBe(2)
})

it('a small answer takes no large frame', () => {
  const frames = new Frames()
  const large = frames.take(10 << 20)
  large.release()
  expect(same(frames.take(100_000), large)).toBe(false)
  expect(same(frames.take(9 << 20), large)).toBe(true)
})

it('what is small takes little memory where small ones are many, and freeMax of them are kept', () => {
  const frames = new Frames(1 << 20, 0)
  const taken = Array.from({ length: 100 }, () => frames.take(200))
  expect(taken[0]!.bytes.buffer.byteLength).toBeLessThan(250)
  for (const frame of taken) frame.release()
  const again = Array.from({ length: 100 }, () => frames.take(200).bytes.buffer)
  expect(again.filter(buffer => taken.some(frame => frame.bytes.buffer === buffer))).toHaveLength(64)
  expect(frames.take(0).bytes.length).toBe(0)
})

it('no more than freeBytesMax are kept', () => {
  const freeBytesMax = 256 << 10
  const frames = new Frames(freeBytesMax)
  const taken = [1, 2, 3].map(() => frames.take(100_000))
  for (const frame of taken) frame.release()
  const again = [1, 2, 3].map(() => frames.take(100_000).bytes.buffer)
  expect(again.filter(buffer => taken.some(frame => frame.bytes.buffer === buffer))).toHaveLength(2)
})
