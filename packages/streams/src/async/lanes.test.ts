import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type LaneEntry, Lanes, laneOf } from './lanes.ts'

type Step =
  | { readonly do: 'add'; readonly lane: number | null }
  | { readonly do: 'next'; readonly max: number }
  | { readonly do: 'release'; readonly which: number; readonly back: boolean }
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('add' as const), lane: fc.option(fc.nat(4)) }),
  fc.record({ do: fc.constant('next' as const), max: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant('release' as const), which: fc.nat(), back: fc.boolean() }),
)

/** What may start, computed from all that waits and all that is at work. */
const startable = (waiting: readonly LaneEntry[], busy: readonly LaneEntry[]): readonly LaneEntry[] =>
  waiting.filter(entry => entry.lane === null || !busy.some(other => other.lane === entry.lane))

it('keeps the order of each lane, never has one at work twice, takes back what was not worked on, and leaves nobody behind', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const lanes = new Lanes<LaneEntry>()
      let waiting: LaneEntry[] = []
      const flying: (readonly LaneEntry[])[] = []
      steps.forEach((step, n) => {
        if (step.do === 'add') {
          lanes.add({ n, lane: step.lane })
          waiting.push({ n, lane: step.lane })
        } else if (step.do === 'next') {
          const ready = startable(waiting, flying.flat())
          const batch = lanes.next(step.max)
          expect(batch).toHaveLength(Math.min(step.max, ready.length))
          expect(batch.map(entry => entry.n)).toEqual(batch.map(entry => entry.n).sort((a, b) => a - b))
          for (const lane of new Set(batch.map(entry => entry.lane).filter(lane => lane !== null))) {
            const own = batch.filter(entry => entry.lane === lane)
            expect(own).toEqual(ready.filter(entry => entry.lane === lane).slice(0, own.length))
          }
          expect(batch[0]).toEqual(ready[0])
          waiting = waiting.filter(entry => !batch.some(other => other.n === entry.n))
          if (batch.length > 0) flying.push(batch)
        } else if (flying.length > 0) {
          const batch = flying.splice(step.which % flying.length, 1)[0]!
          const back = step.back ? batch.slice(1) : []
          lanes.putBack(back)
          waiting = [...waiting, ...back].sort((a, b) => a.n - b.n)
          lanes.release(batch)
        }
        expect(lanes.ready).toBe(startable(waiting, flying.flat()).length)
      })
    }),
  )
})

it('is empty when cleared', () => {
  const lanes = new Lanes<LaneEntry>()
  lanes.add({ n: 0, lane: 'a' })
  lanes.add({ n: 1, lane: 'a' })
  const batch = lanes.next(1)
  lanes.clear()
  lanes.release(batch)
  expect([lanes.ready, lanes.next(10)]).toEqual([0, []])
})

it('finds the lane of keys of any kind, equal ones the same', () => {
  for (const key of [() => 'a', () => 5, () => 5n, () => ({ id: 5n, at: 'x' }), () => ['a', 1]]) expect(laneOf(key())).toBe(laneOf(key()))
  expect(new Set(['5', 5, 5n, { id: 5n }, { id: 5 }, null].map(laneOf)).size).toBe(6)
})
