import {
  count,
  joinStream,
  type KStream,
  leftJoinStream,
  outerJoinStream,
  type StreamRecord,
  text,
  to,
  topic,
  topology,
  toStream,
  tumbling,
} from '@riacho/streams'
import fc from 'fast-check'
import { type Observable, Subject } from 'rxjs'
import { expect, it } from 'vitest'
import { type Given, joined, joinedWithItself, type Spec, type Wanted } from '../oracle/stream-joins.ts'
import { allRestarts, played } from './restarts.fixture.ts'

const specs: Readonly<Record<string, Spec>> = {
  inner: { how: 'inner', before: 4, after: 7, grace: 3, emitEvery: 0 },
  'inner-later': { how: 'inner', before: -2, after: 6, grace: 0, emitEvery: 0 },
  left: { how: 'left', before: 5, after: 0, grace: 4, emitEvery: 0 },
  'left-now': { how: 'left', before: 5, after: 0, grace: 0, emitEvery: 0 },
  'left-now-seldom': { how: 'left', before: 5, after: 0, grace: 0, emitEvery: 50 },
  'left-seldom': { how: 'left', before: 2, after: 3, grace: 1, emitEvery: 50 },
  outer: { how: 'outer', before: 2, after: 8, grace: 2, emitEvery: 0 },
  'outer-back': { how: 'outer', before: 9, after: 0, grace: 0, emitEvery: 0 },
  'outer-seldom': { how: 'outer', before: 3, after: 3, grace: 5, emitEvery: 50 },
}
const self: Spec = { how: 'inner', before: 3, after: 6, grace: 4, emitEvery: 0 }

type Value = string | null
type Records = Observable<StreamRecord<string, Value>>
const pair = (l: string | null, r: string | null): string => `${l ?? '-'}|${r ?? '-'}`

/** Every join, drawn or run at once. */
function joins(left: Records, right: Records): Readonly<Record<string, Observable<StreamRecord<string, string>>>> {
  const made = Object.entries(specs).map(([name, spec]) => {
    if (spec.how === 'inner') return [name, left.pipe(joinStream(`j-${name}`, right, pair, spec))] as const
    const join = spec.how === 'left' ? leftJoinStream : outerJoinStream
    return [name, left.pipe(join<string, Value, Value, string>(`j-${name}`, right, pair, spec))] as const
  })
  return { ...Object.fromEntries(made), self: left.pipe(joinStream('s', left, pair, { ...self, singleStore: true })) }
}

const read = (name: string) => topic<string, string>(name, { key: text, value: text, nulls: 'keep' })
const ends = Object.entries(joins(read('in-left'), read('in-right')))
const plan = topology('joins', ...ends.map(([name, end]) => (end as KStream<string, string>).pipe(to(name, { value: text }))))

interface Drawn extends Omit<Given, 'wall'> {
  readonly wait: number
}

const rarely = <T>(value: T, rare: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 9, arbitrary: rare }, { weight: 1, arbitrary: fc.constant(value) })
const records: fc.Arbitrary<Drawn[]> = fc.array(
  fc.record({
    side: fc.constantFrom('left' as const, 'right' as const),
    key: rarely<string | null>(null, fc.constantFrom('a', 'b', 'é')),
    value: rarely<string | null>(null, fc.constantFrom('x', 'y', 'z')),
    at: fc.oneof({ weight: 9, arbitrary: fc.nat(16) }, { weight: 1, arbitrary: fc.nat(60) }),
    wait: fc.constantFrom(0, 0, 30),
  }),
  { minLength: 1, maxLength: 24 },
)

/** Time goes on by a millisecond a record, and each is up to 8 behind or ahead of that, or far ahead. */
function spread(drawn: readonly Drawn[]): (Given & { readonly wait: number })[] {
  let wall = 0
  return drawn.map((record, i) => {
    wall += record.wait
    return { ...record, at: Math.max(0, i + record.at - 8), wall }
  })
}

const wanted = (given: readonly Given[]): Readonly<Record<string, Wanted[]>> => ({
  ...Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, joined(given, spec)])),
  self: joinedWithItself(
    given.filter(record => record.side === 'left'),
    self,
  ),
})

const seed = Number(process.env.RIACHO_SEED ?? Math.floor(Math.random() * 2 ** 31))

it(`stream joins on plain Observables equal their recomputation (RIACHO_SEED=${seed})`, () => {
  const runs = fc.property(records, drawn => {
    const given = spread(drawn)
    const sides = { left: new Subject<StreamRecord<string, Value>>(), right: new Subject<StreamRecord<string, Value>>() }
    const found: Record<string, Wanted[]> = {}
    for (const [name, end] of Object.entries(joins(sides.left, sides.right))) {
      const stands: Wanted[] = []
      found[name] = stands
      end.subscribe(({ key, value, timestamp }) => stands.push({ key, value, at: timestamp }))
    }
    for (const { side, key, value, at } of given) sides[side].next({ key: key!, value, timestamp: at, headers: [] })
    const all = wanted(given)
    // The wall clock of a plain Observable is the real one.
    for (const name of Object.keys(all)) if (!name.endsWith('seldom')) expect([name, found[name]]).toEqual([name, all[name]])
  })
  fc.assert(runs, { seed, numRuns: 300, interruptAfterTimeLimit: 2_000 })
})

it(`stream joins in an engine equal it too, however often the application ends on the way (RIACHO_SEED=${seed})`, async () => {
  const runs = fc.asyncProperty(records, fc.constantFrom(...allRestarts), async (drawn, restarts) => {
    const given = spread(drawn)
    const input = given.map(({ side, key, value, at, wait }) => ({ topic: `in-${side}`, key, value, at, wait }))
    const rows = await played(plan, input, restarts)
    const found = Object.groupBy(rows, row => row.topic)
    for (const [name, all] of Object.entries(wanted(given))) {
      const stands = (found[name] ?? []).map(({ key, value, at }) => ({ key: key && text.decode(key), value: text.decode(value!), at }))
      expect([name, stands]).toEqual([name, all])
    }
  })
  await fc.assert(runs, { seed, numRuns: 200, interruptAfterTimeLimit: 3_000 })
})

it('does not move the time of an aggregation that has its name', async () => {
  const left = read('in-left')
  const counts = left.pipe(count('same', { window: tumbling(10, { grace: 0 }) }), toStream(), to('counts'))
  const both = topology('same', counts, left.pipe(joinStream('same', read('in-right'), pair, self), to('pairs', { value: text })))
  const input = [
    { topic: 'in-right', key: 'a', value: 'x', at: 5000 },
    { topic: 'in-left', key: 'a', value: 'x', at: 1 },
  ]
  expect((await played(both, input, 'none')).map(({ topic }) => topic)).toEqual(['counts'])
})
