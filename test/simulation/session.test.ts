import {
  aggregate,
  count,
  int64,
  type KStream,
  reduce,
  regroup,
  type Serde,
  session,
  sessionKey,
  text,
  to,
  topic,
  topology,
  toStream,
  type Windowed,
} from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Fold, type Rests, sessionSteps, type Told, type Visit } from '../oracle/session.ts'
import { allRestarts, type Played, played } from './restarts.fixture.ts'

const short: Rests = { gap: 6, grace: 3, retention: 9 }
const long: Rests = { gap: 6, grace: 3, retention: 1000 }
const windows = { short: session(short.gap, short), long: session(long.gap, long) }
const atEnd = { emit: 'onClose', emitEvery: 0 } as const

type Value = string | null
/** A session whose result grows beyond this is deleted. */
const longest = 7
const bounded = (joined: string): Value => (joined.length > longest ? null : joined)
const word = (value: Value): string => value ?? '-'
const combine = (sum: Value, value: Value): Value => bounded(`${word(sum)}${word(value)}`)
const both = (earlier: string, later: string): string => `${earlier}&${later}`

const counted: Fold = connected => String(connected.reduce((sum, each) => sum + Number(each), 0) + 1)
const reduced: Fold = (connected, value) => {
  const sum = connected.reduce((all: Value, each) => (all === null ? each : combine(all, each)), null)
  return sum === null ? value : combine(sum, value)
}
const aggregated: Fold = (connected, value) => bounded(`${connected.reduce(both, '>')}${word(value)}`)

const source: KStream<string, Value> = topic('in', { key: text, value: text, nulls: 'keep' })
const words = text as Serde<unknown> as Serde<Value>
const add = (value: Value, sum: string): Value => bounded(`${sum}${word(value)}`)
const visits = source.pipe(count('count', { window: windows.short }))
const aggregation = { value: text, merge: both }
const plan = topology(
  'sessions',
  visits.pipe(toStream(), to('count')),
  source.pipe(reduce<string, Value>('reduce', combine, { window: windows.short, value: words }), toStream(), to('reduce')),
  source.pipe(
    aggregate('aggregate', () => '>', add, { window: windows.short, ...aggregation }),
    toStream(),
    to('aggregate'),
  ),
  source.pipe(
    aggregate('final', () => '>', add, { window: windows.long, ...aggregation, ...atEnd }),
    toStream(),
    to('final'),
  ),
  source.pipe(count('final-short', { window: windows.short, ...atEnd }), toStream(), to('final-short')),
  visits.pipe(
    regroup('by-key', (_n, key) => [key.key, '1'], { key: text, value: text }),
    count('visits-per-key'),
    toStream(),
    to('visits-per-key'),
  ),
)

const updatesOf = (input: readonly Visit[], rests: Rests, fold: Fold): readonly Told[] =>
  sessionSteps(input, rests, fold).flatMap(step => step.updates)
const finalsOf = (input: readonly Visit[], rests: Rests, fold: Fold): readonly Told[] =>
  sessionSteps(input, rests, fold).flatMap(step => step.finals)
const wanted: Readonly<Record<string, (input: readonly Visit[]) => readonly Told[]>> = {
  count: input => updatesOf(input, short, counted),
  reduce: input => updatesOf(input, short, reduced),
  aggregate: input => updatesOf(input, short, aggregated),
  final: input => finalsOf(input, long, aggregated),
  'final-short': input => finalsOf(input, short, counted),
}

/** Sessions of each key, counted from what was told of them: the old value of each is taken away, the new one added. */
function perKey(told: readonly Told[]): readonly (readonly [string, number])[] {
  const sums = new Map<string, number>()
  return told.map(({ key, value }) => {
    const sum = (sums.get(key) ?? 0) + (value === null ? -1 : 1)
    sums.set(key, sum)
    return [key, sum] as const
  })
}

const shown = ({ topic, key, value, at }: Played) => {
  const { key: inner, start, end } = sessionKey(text).decode(key!) as Windowed<string>
  const serde: Serde<unknown> = topic === 'count' || topic === 'final-short' ? int64 : text
  return { key: inner, start, end, value: value === null ? null : String(serde.decode(value)), at }
}

const record = fc.record({
  key: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('a', 'b') }, { weight: 1, arbitrary: fc.constant(null) }),
  value: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('x', 'y', 'z') }, { weight: 1, arbitrary: fc.constant(null) }),
  at: fc.nat(24),
})
/** Time goes on by three milliseconds a record, and each is up to 12 behind or ahead of that. */
const input = fc
  .array(record, { maxLength: 30 })
  .map(records => records.map((each, i) => ({ ...each, at: Math.max(0, i * 3 + each.at - 12) })))

it('sessions equal their recomputation, however often the application ends on the way', async () => {
  await fc.assert(
    fc.asyncProperty(input, fc.constantFrom(...allRestarts), async (seen, restarts) => {
      const got = await played(
        plan,
        seen.map(each => ({ topic: 'in', ...each })),
        restarts,
      )
      for (const [name, told] of Object.entries(wanted)) {
        const rows = told(seen).map(({ key, start, end, value }) => ({ key, start, end, value, at: end }))
        expect([name, got.filter(({ topic }) => topic === name).map(shown)]).toEqual([name, rows])
      }
      const sums = got.filter(({ topic }) => topic === 'visits-per-key')
      expect(sums.map(({ key, value }) => [text.decode(key!), int64.decode(value!)])).toEqual(perKey(updatesOf(seen, short, counted)))
    }),
    { numRuns: 100, interruptAfterTimeLimit: 5_000 },
  )
})
