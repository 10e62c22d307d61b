import { expect, it } from 'vitest'
import { decodeChange, encodeChange } from './change.ts'
import { hex, vectors } from './vectors.fixture.ts'

interface ChangeVector {
  readonly dir: 'both' | 'read'
  readonly new: string | null
  readonly old: string | null
  readonly isLatest: boolean
  readonly hex: string
}

const bytesOf = (value: string | null): Buffer | null => (value === null ? null : Buffer.from(value))
const textOf = (value: Uint8Array | null): string | null => (value === null ? null : Buffer.from(value).toString())
const all = vectors<ChangeVector>('change')

it.each(all)('reads $hex', vector => {
  const { value, previous, latest } = decodeChange(hex(vector.hex))
  expect([textOf(value), textOf(previous), latest]).toEqual([vector.new, vector.old, vector.isLatest])
})

it.each(all.filter(vector => vector.dir === 'both'))('writes $hex', vector => {
  expect(encodeChange(bytesOf(vector.new), bytesOf(vector.old)).toString('hex')).toBe(vector.hex)
})

it('refuses what is no change', () => {
  expect(() => encodeChange(null, null)).toThrow('a new value, an old value, or both')
  expect(() => decodeChange(hex(''))).toThrow('ends in 0 to 5, not undefined')
  expect(() => decodeChange(hex('06'))).toThrow('ends in 0 to 5, not 6')
  expect(() => decodeChange(hex('0a616202'))).toThrow('cut short')
  expect(() => decodeChange(hex('ffffffff02'))).toThrow('cut short')
})

it('keeps values of any length apart', () => {
  for (const size of [0, 1, 63, 64, 8191, 8192, 2 ** 20]) {
    const { value, previous } = decodeChange(encodeChange(Buffer.alloc(size, 1), Buffer.alloc(3, 2)))
    expect([value?.length, previous?.length]).toEqual([size, 3])
  }
})
