import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SessionRows, stretchesMax } from './session-rows.ts'

/** Sessions of a key, the one that ends last first. */
function chain(rows: SessionRows<number>, key: string): readonly (readonly [start: number, end: number])[] {
  const found: (readonly [number, number])[] = []
  for (let slot = rows.newest(key); slot >= 0; slot = rows.older(slot)) found.push([rows.start(slot), rows.end(slot)])
  return found
}

const some = fc.record({ key: fc.constantFrom('a', 'b'), end: fc.nat(40), length: fc.nat(3) })

it('links the sessions of a key by end, whatever the order in which they come and go', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(some, { selector: each => `${each.key} ${each.end - each.length} ${each.end}` }),
      fc.nat(2),
      (all, third) => {
        const rows = new SessionRows<number>(100)
        for (const { key, end, length } of all) rows.add(key, end - length, end, 1, 1)
        const gone = all.filter((_each, i) => i % 3 === third)
        for (const { key, end, length } of gone) rows.delete(rows.slot(key, end - length, end))
        const left = all.filter(each => !gone.includes(each)).map(({ key, end, length }) => ({ key, start: end - length, end }))
        for (const key of ['a', 'b']) {
          const own = left.filter(each => each.key === key).sort((a, b) => b.end - a.end || a.start - b.start)
          expect(chain(rows, key)).toEqual(own.map(({ start, end }) => [start, end]))
        }
        expect(rows.size).toBe(left.length)
        const ends = rows.endingIn(10, 20).map(slot => rows.end(slot))
        expect(ends.sort()).toEqual(
          left
            .map(each => each.end)
            .filter(end => end >= 10 && end <= 20)
            .sort(),
        )
        for (const { key, start, end } of gone.map(({ key, end, length }) => ({ key, start: end - length, end })))
          expect(rows.slot(key, start, end)).toBe(-1)
      },
    ),
  )
})

it('cuts the retention into so many stretches at most, and lets go of whole ones', () => {
  const rows = new SessionRows<number>(stretchesMax * 10)
  for (const end of [0, 9, 10, 25]) rows.add('a', end, end, end, 1)
  rows.expire(8)
  expect(rows.size).toBe(4)
  rows.expire(9)
  expect(chain(rows, 'a').map(([, end]) => end)).toEqual([25, 10])
  rows.add('a', 5, 5, 5, 1)
  rows.expire(30)
  expect([rows.size, rows.newest('a')]).toEqual([0, -1])
})

it('keeps thousands of sessions of a key and of many keys, and uses the places of those that are gone again', () => {
  const rows = new SessionRows<number>(10_000)
  for (let i = 0; i < 5000; i++) {
    rows.add('a', i, i, i, 1)
    rows.add(`k${i}`, i, i, i, 1)
  }
  expect([rows.size, chain(rows, 'a').length, chain(rows, 'k4999')]).toEqual([10_000, 5000, [[4999, 4999]]])
  expect(rows.writtenIn(1)).toHaveLength(10_000)
  rows.expire(4997)
  expect(rows.size).toBe(4)
  const most = Math.max(...rows.writtenIn(1))
  for (let i = 0; i < 5000; i++) rows.add('b', i, i, i, 2)
  expect(Math.max(...rows.writtenIn(2))).toBeLessThanOrEqual(most)
  rows.clear()
  expect([rows.size, rows.newest('a'), rows.endingIn(0, 10_000), rows.writtenIn(2)]).toEqual([0, -1, [], []])
})
