import { expect, it } from 'vitest'
import { Frames } from './frames.ts'

it('a frame is used again when its last holder has released it, not before', () => {
  const frames = new Frames()
  const first = frames.take(100_000)
  first.hold()
  first.release()
  expect(frames.take(100_000).bytes.buffer).not.toBe(first.bytes.buffer)
  first.release()
  const again = frames.take(90_000)
  expect(again.bytes.buffer).toBe(first.bytes.buffer)
  expect(again.bytes.length).toBe(90_000)
  expect(frames.lent).toBe(2)
})

it('a small answer takes no large frame', () => {
  const frames = new Frames()
  const large = frames.take(10 << 20)
  large.release()
  expect(frames.take(100_000).bytes.buffer).not.toBe(large.bytes.buffer)
  expect(frames.take(9 << 20).bytes.buffer).toBe(large.bytes.buffer)
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
