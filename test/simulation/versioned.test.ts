import {
  count,
  filterTable,
  int64,
  join,
  type KStream,
  leftJoin,
  mapTable,
  regroup,
  table,
  text,
  to,
  topic,
  topology,
  toStream,
  toTable,
} from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { changes, type Given, meetings, type Put, type Told } from '../oracle/versioned.ts'
import { allRestarts, type Played, played } from './restarts.fixture.ts'

const retention = 20
type Value = string | null
const source: KStream<string, string> = topic('in', { key: text, value: text })
const rows = table('tab', { key: text, value: text, store: 'rows', historyRetention: retention })
const long = filterTable<string, string>(value => value !== 'y')
const shown = (value: string, row: Value): string => `${value}${row ?? '-'}`
const made = topic('tab', { key: text, value: text, nulls: 'keep' }).pipe(toTable({ store: 'made', historyRetention: retention }))

const plan = topology(
  'versioned',
  rows.pipe(toStream(), to('changes', { value: text })),
  rows.pipe(long, toStream(), to('filtered', { value: text })),
  source.pipe(join(rows, shown), to('inner', { value: text })),
  source.pipe(leftJoin(rows, shown), to('left', { value: text })),
  source.pipe(
    leftJoin(
      rows.pipe(
        long,
        mapTable(value => value.toUpperCase(), { value: text }),
      ),
      shown,
    ),
    to('left-derived', { value: text }),
  ),
  source.pipe(leftJoin(made, shown), to('left-made', { value: text })),
  rows.pipe(
    regroup('by-value', value => [value, '1'], { key: text, value: text }),
    count('per-value'),
    toStream(),
    to('per-value'),
  ),
)

type Out = readonly [key: Value, value: Value, at: number]
const filtered = (value: Value): Value => (value === 'y' ? null : value)

/** What a table counted by its values tells: late changes are left out, the old value is taken away before the new one is added. */
function perValue(told: readonly Told[]): readonly (readonly [string, string])[] {
  const sums = new Map<string, number>()
  const add = (value: Value, by: number): void => {
    if (value !== null) sums.set(value, (sums.get(value) ?? 0) + by)
  }
  return told.flatMap(({ value, previous, latest }) => {
    if (!latest) return []
    const moved = value === previous ? [value] : [previous, value]
    add(previous, -1)
    add(value, 1)
    return moved.flatMap(each => (each === null ? [] : [[each, String(sums.get(each))] as const]))
  })
}

function wanted(input: readonly Given[]): Readonly<Record<string, readonly Out[]>> {
  const told = changes(input.filter(each => each.table && each.key !== null) as Put[], retention)
  const met = meetings(input, retention)
  const joined = (change: (row: Value) => Value): Out[] =>
    met.map(({ met: { key, value, at }, row }) => [key, shown(value!, change(row)), at])
  return {
    changes: told.map(({ key, value, at }) => [key, value, at]),
    filtered: told.map(({ key, value, at }) => [key, filtered(value), at]),
    inner: met.filter(({ row }) => row !== null).map(({ met: { key, value, at }, row }) => [key, shown(value!, row), at]),
    left: joined(row => row),
    'left-derived': joined(row => filtered(row)?.toUpperCase() ?? null),
    'left-made': joined(row => row),
  }
}

const textOf = (bytes: Buffer | null): Value => (bytes === null ? null : text.decode(bytes))
const outOf = ({ key, value, at }: Played): Out => [textOf(key), textOf(value), at]

const given = fc.record({
  table: fc.boolean(),
  key: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('a', 'b') }, { weight: 1, arbitrary: fc.constant(null) }),
  value: fc.oneof({ weight: 4, arbitrary: fc.constantFrom('x', 'y', 'z') }, { weight: 1, arbitrary: fc.constant(null) }),
  at: fc.nat(40),
})
/** Time goes on by two milliseconds a record, and each is up to 30 behind or 10 ahead of that: beyond the history, too. */
const input = fc
  .array(given, { maxLength: 30, size: 'max' })
  .map(records => records.map((each, i) => ({ ...each, at: Math.max(0, i * 2 + each.at - 30) })))

it('versioned tables equal their recomputation, however often the application ends on the way', async () => {
  await fc.assert(
    fc.asyncProperty(input, fc.constantFrom(...allRestarts), async (seen, restarts) => {
      const got = await played(
        plan,
        seen.map(({ table, ...each }) => ({ topic: table ? 'tab' : 'in', ...each })),
        restarts,
      )
      for (const [name, outs] of Object.entries(wanted(seen)))
        expect([name, got.filter(({ topic }) => topic === name).map(outOf)]).toEqual([name, outs])
      const told = changes(seen.filter(each => each.table && each.key !== null) as Put[], retention)
      const sums = got.filter(({ topic }) => topic === 'per-value')
      expect(sums.map(({ key, value }) => [textOf(key), String(int64.decode(value!))])).toEqual(perValue(told))
    }),
    { numRuns: 80, interruptAfterTimeLimit: 4_000 },
  )
})
