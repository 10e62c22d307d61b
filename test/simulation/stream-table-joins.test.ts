import {
  filterTable,
  join,
  type KStream,
  leftJoin,
  mapTable,
  repartition,
  selectKey,
  table,
  text,
  to,
  topic,
  topology,
} from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Coming, type Enriched, enriched } from '../oracle/stream-table-joins.ts'
import { allRestarts, type Played, played } from './restarts.fixture.ts'

const meet = (value: string, row: string | null, key: string | null): string => `${key}:${value}(${row ?? ''})`
const shout = (value: string): string | null => (value === 'x' ? null : value.toUpperCase())
const first = (value: string): string | null => (value.startsWith('z') ? null : value.charAt(0))
type Met = { readonly key: string | null }

const words = { key: text, value: text }
const source = topic('stream', { ...words, nulls: 'keep' }) as KStream<string | null, string | null>
const rows = table('table', words)
const loud = rows.pipe(
  mapTable(shout),
  filterTable(value => value !== 'Z'),
)
const plain = (value: string, row: string, { key }: Met): string => meet(value, row, key)
const perhaps = (value: string, row: string | null, { key }: Met): string => meet(value, row, key)
const rekeyed = source.pipe(
  selectKey(value => (value === null ? null : first(value))),
  repartition('by-first'),
)
const ended = (name: string, records: KStream<string | null, string>) => records.pipe(to(name, words)) as KStream<unknown, unknown>
const plan = topology(
  'enriched',
  ended('inner', source.pipe(join(rows, plain))),
  ended('left', source.pipe(leftJoin(rows, perhaps))),
  ended('inner-loud', source.pipe(join(loud, plain))),
  ended('left-loud', source.pipe(leftJoin(loud, perhaps))),
  ended('moved', rekeyed.pipe(leftJoin(rows, perhaps))),
)

/** The stream with the keys that it has after it was moved. */
const moved = (all: readonly Coming[]): readonly Coming[] =>
  all.map(each => (each.to === 'table' ? each : { ...each, key: each.value === null ? null : first(each.value) }))

const whole = (value: string): string => value
const loudly = (value: string): string | null => (value === 'z' ? null : shout(value))
const wanted: Readonly<Record<string, (all: readonly Coming[]) => readonly Enriched[]>> = {
  inner: all => enriched(all, false, whole, meet),
  left: all => enriched(all, true, whole, meet),
  'inner-loud': all => enriched(all, false, loudly, meet),
  'left-loud': all => enriched(all, true, loudly, meet),
  moved: all => enriched(moved(all), true, whole, meet),
}

const shown = ({ key, value, at }: Played) => ({ key: key && text.decode(key), value: value && text.decode(value), at })

const coming = fc.record({
  to: fc.constantFrom('stream' as const, 'table' as const),
  key: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('x', 'y') }, { weight: 1, arbitrary: fc.constant(null) }),
  value: fc.oneof({ weight: 4, arbitrary: fc.constantFrom('x', 'y', 'yy', 'z') }, { weight: 1, arbitrary: fc.constant(null) }),
  at: fc.nat(20),
})

it('joins of streams with tables equal their recomputation, however often the application ends on the way', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(coming, { maxLength: 30 }), fc.constantFrom(...allRestarts), async (all, restarts) => {
      const got = await played(
        plan,
        all.map(({ to, ...rest }) => ({ topic: to, ...rest })),
        restarts,
      )
      for (const [name, records] of Object.entries(wanted))
        expect([name, got.filter(each => each.topic === name).map(shown)]).toEqual([name, records(all)])
    }),
    { numRuns: 100, interruptAfterTimeLimit: 5_000 },
  )
})
