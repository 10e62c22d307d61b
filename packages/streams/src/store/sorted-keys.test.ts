import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SortedKeys } from './sorted-keys.ts'

const compare = (a: unknown, b: unknown): number => Number(a) - Number(b)
const numbers = (keys: Iterable<unknown>): number[] => Array.from(keys, Number)

it('keeps keys in order over many chunks of chunkMax, as a sorted array does', () => {
  const changes = fc.array(fc.record({ key: fc.nat(3000), add: fc.boolean() }), { minLength: 500, maxLength: 3000 })
  const bounds = fc.tuple(fc.nat(3000), fc.nat(3000))
  const law = fc.property(fc.array(fc.nat(3000), { maxLength: 1500 }), changes, bounds, (given, steps, [from, to]) => {
    const set = new Set(given)
    const sorted = new SortedKeys(compare, set)
    for (const { key, add } of steps) {
      if (add) sorted.add(key)
      else sorted.delete(key)
      if (add) set.add(key)
      else set.delete(key)
    }
    const all = [...set].sort(compare)
    const inside = all.filter(key => key >= from && key <= to)
    expect(numbers(sorted.forward(undefined, () => true))).toEqual(all)
    expect(numbers(sorted.forward(from, key => compare(key, to) <= 0))).toEqual(inside)
    expect(numbers(sorted.backward(to, key => compare(key, from) >= 0))).toEqual(inside.reverse())
    expect(sorted.firstFrom(key => compare(key, from) >= 0)).toBe(all.find(key => key >= from))
  })
  fc.assert(law, { numRuns: 20 })
})

it('may be changed while it is walked', () => {
  const sorted = new SortedKeys(compare, [1, 2, 3, 4])
  const seen: number[] = []
  for (const key of sorted.forward(undefined, () => true)) {
    seen.push(Number(key))
    sorted.delete(key)
    if (key === 2) sorted.add(5)
  }
  expect(seen).toEqual([1, 2, 3, 4, 5])
  expect([...sorted.forward(undefined, () => true)]).toEqual([])
})
