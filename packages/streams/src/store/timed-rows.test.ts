import fc from 'fast-check'
import { expect, it } from 'vitest'
import { TimedRows } from './timed-rows.ts'

interface Row {
  readonly key: string
  readonly time: number
  readonly value: number
}
type Step =
  | { readonly do: 'insert' | 'remove'; readonly key: string; readonly time: number }
  | { readonly do: 'committed' | 'rollback' }
  | { readonly do: 'expire'; readonly time: number }

const key = fc.constantFrom('a', 'b', 'c')
const time = fc.nat(40)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('insert' as const), key, time }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('remove' as const), key, time }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('committed' as const, 'rollback' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const), time }) },
)

/** The rows of a key and a range of time. */
function found(rows: TimedRows<number>, key: string, from: number, to: number): number[] {
  const many = rows.find(key, from, to)
  return Array.from({ length: many }, (_, i) => rows.value(rows.found(i)))
}

function play(width: number, steps: readonly Step[], ranges: readonly (readonly [number, number])[]): void {
  const rows = new TimedRows<number>(width)
  let all: Row[] = []
  let committed: Row[] = []
  steps.forEach((step, value) => {
    if (step.do === 'insert') {
      rows.insert(step.key, step.time, value)
      all = [...all, { key: step.key, time: step.time, value }]
    } else if (step.do === 'remove') {
      const last = all.findLast(row => row.key === step.key && row.time === step.time)
      const many = rows.find(step.key, step.time, step.time)
      if (many > 0) rows.remove(rows.found(many - 1))
      all = all.filter(row => row !== last)
    } else if (step.do === 'rollback') {
      rows.rollback()
      all = committed
    } else {
      rows.committed()
      if (step.do === 'expire') {
        rows.expire(step.time)
        all = all.filter(row => (Math.floor(row.time / width) + 1) * width - 1 > step.time)
      }
      committed = all
    }
    for (const key of ['a', 'b', 'c']) {
      const own = all.filter(row => row.key === key).sort((a, b) => a.time - b.time)
      for (const [from, to] of ranges) {
        const wanted = own.filter(row => row.time >= from && row.time <= to)
        expect(found(rows, key, from, to)).toEqual(wanted.map(row => row.value))
      }
    }
    const spans = [...new Set(all.map(row => Math.floor(row.time / width)))].sort((a, b) => a - b)
    expect([rows.firstSpan(), rows.lastSpan(), rows.nextSpan(2)]).toEqual([
      spans[0] ?? -1,
      spans.at(-1) ?? -1,
      spans.find(span => span >= 2) ?? -1,
    ])
    for (const span of spans) {
      const wanted = all.filter(row => Math.floor(row.time / width) === span)
      expect(rows.isShared(span)).toBe(wanted.length > 1)
      expect(rows.slotsOf(span).map(slot => [rows.key(slot), rows.time(slot), rows.value(slot)])).toEqual(
        wanted.map(row => [row.key, row.time, row.value]),
      )
    }
  })
  expect([...rows.lists()].reduce((sum, [, slots]) => sum + slots.length, 0)).toBe(all.length)
}

const range = fc.tuple(fc.integer({ min: -1, max: 41 }), fc.integer({ min: -1, max: 41 }))
it.each([1, 7, 100])('finds, removes, expires and puts back rows as a list does, in spans of %d', width => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), fc.array(range, { maxLength: 4 }), (steps, ranges) =>
      play(width, steps, ranges),
    ),
  )
})

it('takes again the room of rows that are gone', () => {
  const rows = new TimedRows<string>(10)
  const slots = new Set<number>()
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < 30; i++) slots.add(rows.restore(`k${i % 7}`, round * 10 + (i % 10), 'v'))
    rows.committed()
    rows.expire(round * 10)
  }
  expect(slots.size).toBeLessThan(100)
  rows.clear()
  expect([rows.find('k1', 0, 10_000), rows.firstSpan(), rows.uncommitted]).toEqual([0, -1, 0])
})

it('takes the rows of a key from the front one by one, brings them back, and takes others before them', () => {
  const law = fc.property(fc.nat(99), fc.nat(99), fc.nat(9), (taken, back, before) => {
    const rows = new TimedRows<number>(7)
    for (let time = 100; time < 200; time++) rows.insert('k', time, time)
    const take = (many: number): void => {
      for (let i = 0; i < many; i++) {
        rows.find('k', 0, 1000)
        rows.remove(rows.found(0))
      }
    }
    take(taken)
    rows.committed()
    const left = Array.from({ length: 100 - taken }, (_, i) => 100 + taken + i)
    take(Math.min(back, left.length))
    rows.rollback()
    expect(found(rows, 'k', 0, 1000)).toEqual(left)
    const earlier = Array.from({ length: before }, (_, i) => 90 + i)
    for (const time of earlier.toReversed()) rows.insert('k', time, time)
    expect(found(rows, 'k', 0, 1000)).toEqual([...earlier, ...left])
    expect([...rows.lists()].map(([key, slots]) => [key, slots.map(slot => rows.value(slot))])).toEqual([['k', [...earlier, ...left]]])
  })
  fc.assert(law, { numRuns: 100 })
})
