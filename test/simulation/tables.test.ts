import {
  aggregate,
  count,
  filterTable,
  int64,
  type KStream,
  type KTable,
  mapTable,
  reduce,
  regroup,
  type Serde,
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
import { type Group, grouped, heard, type Stands, through, told, turnsOf, type Written } from '../oracle/tables.ts'
import { allRestarts, type Played, played } from './restarts.fixture.ts'

const letters = (value: string): string[] => [...value]
const long = (value: string): boolean => value.length > 1
const shout = (value: string, key: string): string | null => (value.startsWith('x') ? null : `${key}${value.toUpperCase()}`)
/** A row belongs to the group of its first letter; 'z' to none. */
const group: Group = value => (value.startsWith('z') ? null : [value.charAt(0), value])
const joinedUp = (members: readonly string[]): string | null => (members.length === 0 ? null : members.flatMap(letters).sort().join(''))

const without = (all: string, value: string): string | null => {
  const left = letters(value).reduce((rest, letter) => rest.replace(letter, ''), all)
  return left === '' ? null : left
}
const withThose = (all: string, value: string): string =>
  letters(all + value)
    .sort()
    .join('')

const words = { key: text, value: text }
const byGroup = (name: string) => regroup(name, (value: string, key: string) => group(value, key) ?? [null, value], words)
const members = (name: string) =>
  aggregate<string, string, string>(
    name,
    () => '',
    (value: string, all: string) => withThose(all, value),
    { value: text, subtract: (value, all) => without(all, value) },
  )
const ended = (name: string, changes: KTable<string, unknown>) => changes.pipe(toStream(), to(name)) as KStream<unknown, unknown>

const rows = table('in', { ...words, store: 'rows' })
const unkept = table('unkept', words)
const mapped = rows.pipe(mapTable(shout, { value: text }))
const source = topic('stream', { ...words, nulls: 'keep' })
const taken = source.pipe(toTable({ store: 'taken', value: text }))
const plan = topology(
  'tables',
  ended('rows', rows),
  ended('filtered', rows.pipe(filterTable(long))),
  ended('filtered-kept', unkept.pipe(filterTable(long, { store: 'filtered-kept' }))),
  ended('filtered-unkept', unkept.pipe(filterTable(long))),
  ended('mapped', mapped),
  ended('mapped-filtered', mapped.pipe(filterTable(value => long(value.slice(1)), { store: 'mapped-filtered' }))),
  ended('taken', taken),
  ended('counts', rows.pipe(byGroup('counted'), count('counts'))),
  ended('members', taken.pipe(filterTable(long), byGroup('gathered'), members('members'))),
  ended(
    'reduced',
    rows.pipe(
      mapTable(shout, { store: 'mapped', value: text }),
      regroup('reducible', value => [value.charAt(0), letters(value).sort().join('')], words),
      reduce('reduced', withThose, { value: text, subtract: without }),
    ),
  ),
)

/** What must stand in each output. */
const wanted: Readonly<Record<string, (written: readonly Written[]) => readonly Stands[]>> = {
  rows: written => told(turnsOf(written)),
  filtered: written => told(heard(through(turnsOf(written), value => (long(value) ? value : null)))),
  'filtered-kept': written => told(through(turnsOf(written), value => (long(value) ? value : null))),
  'filtered-unkept': written => told(through(turnsOf(written), value => (long(value) ? value : null))),
  mapped: written => told(through(turnsOf(written), shout)),
  'mapped-filtered': written => told(heard(through(through(turnsOf(written), shout), value => (long(value.slice(1)) ? value : null)))),
  taken: written => told(turnsOf(written)),
  counts: written => grouped(turnsOf(written), group, all => String(all.length)),
  members: written =>
    grouped(
      through(turnsOf(written), value => (long(value) ? value : null)),
      group,
      joinedUp,
    ),
  reduced: written => grouped(through(turnsOf(written), shout), value => [value.charAt(0), value], joinedUp),
}

const shown = ({ topic: name, key, value, at }: Played) => {
  const serde: Serde<unknown> = name === 'counts' ? int64 : text
  return { key: text.decode(key!), value: value === null ? null : String(serde.decode(value)), at }
}

const record = fc.record({
  key: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('a', 'b', 'é') }, { weight: 1, arbitrary: fc.constant(null) }),
  value: fc.oneof({ weight: 4, arbitrary: fc.constantFrom('x', 'xy', 'y', 'yx', 'yy', 'zz') }, { weight: 1, arbitrary: fc.constant(null) }),
  at: fc.nat(20),
})

it('tables equal their recomputation, however often the application ends on the way', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 20 }), fc.constantFrom(...allRestarts), async (written, restarts) => {
      const input = written.flatMap(each => ['in', 'unkept', 'stream'].map(name => ({ topic: name, ...each })))
      const got = await played(plan, input, restarts)
      for (const [name, stands] of Object.entries(wanted))
        expect([name, got.filter(each => each.topic === name).map(shown)]).toEqual([name, stands(written)])
    }),
    { numRuns: 100, interruptAfterTimeLimit: 5_000 },
  )
})
