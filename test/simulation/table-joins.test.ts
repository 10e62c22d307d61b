import {
  aggregate,
  filterTable,
  joinTable,
  type KStream,
  type KTable,
  leftJoinTable,
  mapTable,
  outerJoinTable,
  regroup,
  table,
  text,
  to,
  topology,
  toStream,
} from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Joined, joins, type Meet, type Move, type Needs } from '../oracle/table-joins.ts'
import { type Group, grouped, type Stands, told } from '../oracle/tables.ts'
import { allRestarts, type Played, played } from './restarts.fixture.ts'

/** Shows both sides; a pair of equal rows is no row. */
const meet: Meet = (left, right, key) => (left === right ? null : `${key}(${left ?? ''},${right ?? ''})`)
const outer: Needs = { left: false, right: false }
const left: Needs = { left: true, right: false }
const inner: Needs = { left: true, right: true }

/** A joined row belongs to the group of its left side's first letter. */
const group: Group = value => [value.charAt(value.indexOf('(') + 1), value]
const listed = (members: readonly string[]): string | null => (members.length === 0 ? null : members.join(' '))
const parts = (all: string): string[] => all.split(' ').filter(part => part !== '')
const withThat = (value: string, all: string): string => [...parts(all), value].sort().join(' ')
const without = (value: string, all: string): string | null => listed(parts(all).toSpliced(parts(all).indexOf(value), 1))
const shout = (value: string): string | null => (value === 'x' ? null : value.toUpperCase())
const short = (value: string): string | null => (value.length < 2 ? value : null)
const long = (value: string): string | null => (value.length > 4 ? value : null)

const words = { key: text, value: text }
const ended = (name: string, changes: KTable<string, string>) => changes.pipe(toStream(), to(name, words)) as KStream<unknown, unknown>
const gathered = (name: string, changes: KTable<string, string>) => {
  const members = aggregate<string, string, string>(name, () => '', withThat, { value: text, subtract: without })
  return ended(
    name,
    changes.pipe(
      regroup(`by-${name}`, (value, key) => group(value, key)!, words),
      members,
    ),
  )
}

const lefts = table('left', { ...words, store: 'lefts' })
const rights = table('right', words)
const thirds = table('third', words)
const stored = (store: string) => ({ store, value: text })
const plan = topology(
  'joined',
  ended('inner', lefts.pipe(joinTable(rights, meet))),
  ended('inner-kept', lefts.pipe(joinTable(rights, meet, stored('inner-kept')))),
  gathered('inner-gathered', lefts.pipe(joinTable(rights, meet))),
  ended('left-joined', lefts.pipe(leftJoinTable(rights, meet))),
  gathered('left-gathered', lefts.pipe(leftJoinTable(rights, meet))),
  ended('outer', lefts.pipe(outerJoinTable(rights, meet))),
  gathered('outer-gathered', lefts.pipe(outerJoinTable(rights, meet, stored('outer-kept')))),
  gathered('of-changed', lefts.pipe(mapTable(shout), outerJoinTable(rights.pipe(filterTable(value => short(value) !== null)), meet))),
  ended('of-kept', lefts.pipe(leftJoinTable(rights, meet, stored('left-kept')), mapTable(long), outerJoinTable(thirds, meet))),
  ended('of-joined', lefts.pipe(leftJoinTable(rights, meet), mapTable(long), outerJoinTable(thirds, meet))),
)

type Given = Omit<Move, 'side'> & { readonly side: Move['side'] | 'third' }
const isMove = (given: Given): given is Move => given.side !== 'third'

/** The rows that operators before the join make. A filter that knows old values says nothing of rows that neither were nor are. */
const changed = (moves: readonly Move[]): readonly Move[] =>
  moves
    .map(move => ({ ...move, value: move.value === null ? null : move.side === 'left' ? shout(move.value) : short(move.value) }))
    .filter(({ side, key, value }, i, all) => {
      const before = all.slice(0, i).findLast(each => each.side === side && each.key === key)
      return side === 'left' || value !== null || (before !== undefined && before.value !== null)
    })

/** Two joins, one after the other: what the first tells moves the left side of the second. A row that is kept has the time at which it was told of. */
function twice(given: readonly Given[], kept: boolean): readonly Joined[] {
  const first = joins(given.filter(isMove), left, meet)
  let i = 0
  const moves = given.flatMap(({ side, key, value, at }): readonly Move[] =>
    side === 'third'
      ? [{ side: 'right', key, value, at }]
      : first[i++]!.map(({ key, after, at, stands }) => {
          const value = after === null ? null : long(after)
          return { side: 'left', key, value, at, ...(!kept && { stands }) }
        }),
  )
  return joins(moves, outer, meet).flat()
}

/** What must stand in each output. */
const wanted: Readonly<Record<string, (moves: readonly Move[], given: readonly Given[]) => readonly Stands[]>> = {
  inner: moves => told(joins(moves, inner, meet).flat()),
  'inner-kept': moves => told(joins(moves, inner, meet).flat()),
  'inner-gathered': moves => grouped(joins(moves, inner, meet).flat(), group, listed),
  'left-joined': moves => told(joins(moves, left, meet).flat()),
  'left-gathered': moves => grouped(joins(moves, left, meet).flat(), group, listed),
  outer: moves => told(joins(moves, outer, meet).flat()),
  'outer-gathered': moves => grouped(joins(moves, outer, meet).flat(), group, listed),
  'of-changed': moves => grouped(joins(changed(moves), outer, meet).flat(), group, listed),
  'of-kept': (_moves, given) => told(twice(given, true)),
  'of-joined': (_moves, given) => told(twice(given, false)),
}

const shown = ({ key, value, at }: Played) => ({ key: text.decode(key!), value: value === null ? null : text.decode(value), at })

const move = fc.record({
  side: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('left' as const, 'right' as const) },
    { weight: 1, arbitrary: fc.constant('third' as const) },
  ),
  key: fc.constantFrom('a', 'b'),
  value: fc.oneof({ weight: 3, arbitrary: fc.constantFrom('x', 'y', 'yy', 'z') }, { weight: 1, arbitrary: fc.constant(null) }),
  at: fc.nat(20),
})

it('joins of tables equal their recomputation, however often the application ends on the way', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 30 }), fc.constantFrom(...allRestarts), async (given, restarts) => {
      const got = await played(
        plan,
        given.map(({ side, ...rest }) => ({ topic: side, ...rest })),
        restarts,
      )
      for (const [name, stands] of Object.entries(wanted))
        expect([name, got.filter(each => each.topic === name).map(shown)]).toEqual([
          name,
          stands((given as readonly Given[]).filter(isMove), given),
        ])
    }),
    { numRuns: 100, interruptAfterTimeLimit: 5_000 },
  )
})
