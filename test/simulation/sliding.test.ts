import { aggregate, count, int64, type KStream, reduce, sliding, text, to, topic, topology, toStream, windowedKey } from '@riacho/streams'
import fc from 'fast-check'
import { Subject } from 'rxjs'
import { expect, it } from 'vitest'
import { changedWindows, type Fold, type Given, type Slides, slidingSteps, type Told } from '../oracle/sliding.ts'
import { allRestarts, type Played, played } from './restarts.fixture.ts'

const difference = 6
const short: Slides = { difference, grace: 4, retention: 16 }
const long: Slides = { difference, grace: 4, retention: 1000 }
const windows = { short: sliding(difference, short), long: sliding(difference, long) }
const atClose = { emit: 'onClose', emitEvery: 0 } as const

/** A row that grows beyond this is deleted. */
const longest = 5
const bounded = (joined: string): string | null => (joined.length > longest ? null : joined)
const counted = (values: readonly string[]): string => String(values.length)
const reduced = (values: readonly string[]): string => values.join('')
const aggregated = (values: readonly string[]): string => `>${values.join('')}`

const source: KStream<string, string> = topic('in', { key: text, value: text })
const add = (value: string, sum: string): string => sum + value
const join = (sum: string, value: string): string => sum + value
const plan = topology(
  'sliding',
  source.pipe(count('count', { window: windows.short }), toStream(), to('count')),
  source.pipe(reduce('reduce', join, { window: windows.long, value: text }), toStream(), to('reduce')),
  source.pipe(
    aggregate(
      'aggregate',
      () => '>',
      (value, sum: string) => bounded(sum + value),
      { window: windows.short, value: text },
    ),
    toStream(),
    to('aggregate'),
  ),
  source.pipe(
    aggregate('final', () => '>', add, { window: windows.long, value: text, ...atClose }),
    toStream(),
    to('final'),
  ),
  source.pipe(count('final-short', { window: windows.short, ...atClose }), toStream(), to('final-short')),
)

const updatesOf = (input: readonly Given[], slides: Slides, fold: Fold): readonly Told[] =>
  slidingSteps(input, slides, fold).flatMap(step => step.updates)
const finalsOf = (input: readonly Given[], slides: Slides, fold: Fold): readonly Told[] =>
  slidingSteps(input, slides, fold).flatMap(step => step.finals)
const wanted: Readonly<Record<string, (input: readonly Given[]) => readonly Told[]>> = {
  count: input => updatesOf(input, short, counted),
  reduce: input => updatesOf(input, long, reduced),
  aggregate: input => updatesOf(input, short, values => bounded(aggregated(values))),
  final: input => finalsOf(input, long, aggregated),
  'final-short': input => finalsOf(input, short, counted),
}

function shown({ topic, key, value, at }: Played): Told {
  const { key: inner, start } = windowedKey(text, difference).decode(key!)
  const read = (bytes: Buffer): string =>
    topic === 'count' || topic === 'final-short' || topic === 'seldom' ? String(int64.decode(bytes)) : text.decode(bytes)
  return { key: inner, start, value: value === null ? null : read(value), at }
}

const fields = {
  key: fc.oneof({ weight: 12, arbitrary: fc.constantFrom('a', 'b', 'é') }, { weight: 1, arbitrary: fc.constant(null) }),
  value: fc.oneof({ weight: 12, arbitrary: fc.constantFrom('x', 'y', 'z') }, { weight: 1, arbitrary: fc.constant(null) }),
  at: fc.nat(24),
}
/** Time goes on by a millisecond or two a record, and each is up to 12 behind or ahead of that. */
const input = fc
  .tuple(fc.integer({ min: 1, max: 2 }), fc.array(fc.record(fields), { maxLength: 30 }))
  .map(([pace, records]) => records.map((each, i) => ({ ...each, at: Math.max(0, i * pace + each.at - 12) })))

it('sliding windows equal their recomputation, however often the application ends on the way', async () => {
  await fc.assert(
    fc.asyncProperty(input, fc.constantFrom(...allRestarts), async (given, restarts) => {
      const got = await played(
        plan,
        given.map(each => ({ topic: 'in', ...each })),
        restarts,
      )
      for (const [name, told] of Object.entries(wanted)) {
        expect([name, got.filter(({ topic }) => topic === name).map(shown)]).toEqual([name, told(given)])
      }
    }),
    { numRuns: 100, interruptAfterTimeLimit: 5_000 },
  )
})

const throttled = topology('throttled', source.pipe(count('seldom', { window: windows.long, emit: 'onClose' }), toStream(), to('seldom')))

it('closed sliding windows are looked for once a second, and not by records at the beginning of time', async () => {
  const waiting = fc.array(fc.record({ ...fields, at: fc.nat(15), wait: fc.nat(900) }), { minLength: 5, maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(waiting, async given => {
      const got = await played(
        throttled,
        given.map(each => ({ topic: 'in', ...each })),
        'none',
      )
      expect(got.map(shown)).toEqual(finalsOf(given, { ...long, every: 1000 }, counted))
    }),
    { numRuns: 100, interruptAfterTimeLimit: 5_000 },
  )
})

/** The same records, those that would be late for a part of their windows moved to where they are in time for all. */
function inTime(given: readonly Given[], { grace }: Slides): readonly Given[] {
  let time = -1
  return given.map(each => {
    if (each.key === null || each.value === null) return each
    const close = time - grace
    const at = each.at < close && each.at + difference >= close ? close : each.at
    time = Math.max(time, at)
    return { ...each, at }
  })
}

it('sliding windows of records that are in time are what their definition says', () => {
  fc.assert(
    fc.property(input, drawn => {
      const given = inTime(drawn, long)
      const records = new Subject<{ key: string; value: string; timestamp: number; headers: [] }>()
      let changed: Told[] = []
      records.pipe(reduce('r', join, { window: windows.long, value: text })).subscribe(({ key: { key, start }, value, timestamp }) => {
        changed.push({ key, start, value, at: timestamp })
      })
      const steps = given.map(({ key, value, at }) => {
        changed = []
        records.next({ key: key as string, value: value as string, timestamp: at, headers: [] })
        // A record that comes difference + 1 after the one before makes the same window twice, behind that one and before itself: it is handed on twice.
        return [...new Map(changed.map(each => [each.start, each])).values()].sort((a, b) => a.start - b.start)
      })
      expect(steps).toEqual(changedWindows(given, long, reduced))
    }),
    { numRuns: 500 },
  )
})
