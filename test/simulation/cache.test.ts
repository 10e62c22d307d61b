import {
  aggregate,
  cogroup,
  count,
  filterTable,
  hopping,
  int64,
  type KStream,
  type KTable,
  reduce,
  regroup,
  session,
  sessionKey,
  sliding,
  text,
  to,
  topic,
  topology,
  toStream,
  toTable,
  windowedKey,
} from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Given, type Spans, updates, type Whole } from '../oracle/aggregations.ts'
import { cached, type Left, type Update } from '../oracle/cache.ts'
import { type Rests, sessionSteps } from '../oracle/session.ts'
import { allRestarts, type Played, played } from './restarts.fixture.ts'

const spans: Spans = { size: 10, advance: 4, grace: 6 }
const rests: Rests = { gap: 3, grace: 6, retention: 1000 }
const few = { recordsMax: 2 }
const many = { recordsMax: 1000 }
/** A row that grows beyond this is deleted. */
const longest = 3
const bounded = (joined: string): string | null => (joined.length > longest ? null : joined)

const source: KStream<string, string> = topic('in', { key: text, value: text })
const fold = (value: string, sum: string): string | null => bounded(`${sum}${value}`)
const words = source.pipe(aggregate('rows', () => '', fold, { value: text, cache: many }))
const near = sliding(4, { grace: 1000 })
const ends: Readonly<Record<string, KTable<never, never>>> = {
  rows: words as KTable<never, never>,
  rowsOfFew: source.pipe(aggregate('rows-of-few', () => '', fold, { value: text, cache: few })) as KTable<never, never>,
  windows: source.pipe(count('windows', { window: hopping(10, { advance: 4, grace: 6 }), cache: few })) as KTable<never, never>,
  sessions: source.pipe(
    reduce('sessions', (a: string, b) => `${a}${b}`, { value: text, window: session(3, { grace: 6, retention: 1000 }), cache: many }),
  ) as KTable<never, never>,
  near: source.pipe(count('near', { window: near, cache: few })) as KTable<never, never>,
  nearAtOnce: source.pipe(count('near-at-once', { window: near })) as KTable<never, never>,
  kept: words.pipe(filterTable(word => word.length > 1, { store: 'kept', cache: few })) as KTable<never, never>,
  both: cogroup('both', () => '', [[source, fold]], { value: text, cache: few }) as KTable<never, never>,
  last: source.pipe(toTable({ store: 'last', cache: few })) as KTable<never, never>,
}
/** Tells what is taken out and what is put in: the old values. */
const told = words.pipe(
  regroup('told', word => ['all', word], { key: text, value: text }),
  aggregate(
    'deltas',
    () => '',
    (word, sum) => `${sum}+${word}`,
    { value: text, subtract: (word, sum) => `${sum}-${word}` },
  ),
  toStream(),
  to('told'),
)
const plan = topology(
  'cached',
  told,
  ...Object.entries(ends).map(([name, table]) => (table as KTable<string, string>).pipe(toStream(), to(name))),
)

/** The updates that each record makes, as they are without a cache. A deletion that was held back has the time of its record. */
function byRecord(given: readonly Given[], windows: Spans | undefined, whole: Whole): Update[][] {
  const upTo = (n: number) => updates(given.slice(0, n), windows, whole)
  return given.map((record, i) =>
    upTo(i + 1)
      .slice(upTo(i).length)
      .map(({ key, start, value, at }) => ({ key: `${key}@${start ?? ''}`, value, at: value === null ? record.at : at })),
  )
}

const joined: Whole = values => bounded(values.join(''))
const longer = (left: Left): Update => ({
  key: left.key,
  value: left.value === null || left.value.length < 2 ? null : left.value,
  at: left.at,
})

/** What each output must hold; `commits`: the records of each commit. */
function wanted(given: readonly Given[], commits: readonly (readonly number[])[]): Readonly<Record<string, readonly Update[]>> {
  const committed = (steps: readonly (readonly Update[])[]) => commits.map(records => records.flatMap(i => steps[i] ?? []))
  const joins = committed(byRecord(given, undefined, joined))
  const inSessions = sessionSteps(given, rests, (connected, value) => [...connected, value].join('')).map(step =>
    step.updates.map(({ key, start, end, value }) => ({ key: `${key}@${start}-${end}`, value, at: end })),
  )
  const inOrder = commits.map((_, i) => cached(joins.slice(0, i + 1), 1000).slice(cached(joins.slice(0, i), 1000).length))
  const keptOf = inOrder.map(left => left.filter(each => !(longer(each).value === null && (each.old ?? '').length < 2)).map(longer))
  let sum = ''
  const deltas = inOrder.flat().map(({ old, value, at }) => {
    if (old !== null && sum !== '') sum += `-${old}`
    if (value !== null) sum += `+${value}`
    return { key: 'all@', value: sum, at }
  })
  return {
    rows: inOrder.flat(),
    rowsOfFew: cached(joins, 2),
    windows: cached(committed(byRecord(given, spans, values => String(values.length))), 2),
    sessions: cached(committed(inSessions), 1000),
    kept: cached(keptOf, 2),
    both: cached(joins, 2),
    last: cached(committed(given.map(({ key, value, at }) => [{ key: `${key}@`, value, at }])), 2),
    told: deltas.map((each, i) => ({ ...each, at: Math.max(...deltas.slice(0, i + 1).map(({ at }) => at)) })),
  }
}

const shownKeys: Readonly<Record<string, (raw: Buffer) => string>> = {
  windows: raw => {
    const { key, start } = windowedKey(text, 10).decode(raw)
    return `${key}@${start}`
  },
  sessions: raw => {
    const { key, start, end } = sessionKey(text).decode(raw)
    return `${key}@${start}-${end}`
  },
}
const shown = (name: string, { key, value, at }: Played): Update => ({
  key: (shownKeys[name] ?? (raw => `${text.decode(raw)}@`))(key!),
  value: value === null ? null : name === 'windows' ? String(int64.decode(value)) : text.decode(value),
  at,
})

/** The last value of each key. */
const rowsOf = (got: readonly Played[], name: string) =>
  new Map(
    got.filter(({ topic }) => topic === name).map(({ key, value, at }) => [key!.toString('hex'), [value!.toString('hex'), at]] as const),
  )

const record = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'é'),
  value: fc.constantFrom('x', 'y'),
  at: fc.nat(10),
  together: fc.boolean(),
})
/** Time goes on by a millisecond a record, and each is up to 5 behind or ahead of that. */
const input = fc
  .array(record, { maxLength: 25 })
  .map(records => records.map((each, i) => ({ ...each, topic: 'in', at: Math.max(0, i + each.at - 5) })))

it('what leaves a cache equals its recomputation, however often the application ends on the way', async () => {
  await fc.assert(
    fc.asyncProperty(input, fc.constantFrom(...allRestarts), async (given, restarts) => {
      const commits: number[][] = []
      for (const [i, { together }] of given.entries()) {
        if (together && i > 0) commits.at(-1)!.push(i)
        else commits.push([i])
      }
      const got = await played(plan, given, restarts)
      for (const [name, left] of Object.entries(wanted(given, commits))) {
        const records = got.filter(({ topic }) => topic === name).map(each => shown(name, each))
        expect([name, records]).toEqual([name, left.map(({ key, value, at }) => ({ key, value, at }))])
      }
      const of = (name: string) => got.filter(({ topic }) => topic === name).map(each => JSON.stringify([each.key, each.value, each.at]))
      const [held, atOnce] = [of('near'), of('nearAtOnce')]
      let from = 0
      for (const each of held) {
        from = atOnce.indexOf(each, from) + 1
        expect(from).toBeGreaterThan(0)
      }
      expect(rowsOf(got, 'near')).toEqual(rowsOf(got, 'nearAtOnce'))
    }),
    { numRuns: 60, interruptAfterTimeLimit: 8_000 },
  )
})
