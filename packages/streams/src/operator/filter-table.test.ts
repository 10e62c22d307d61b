import { pipe } from 'rxjs'
import { expect, it } from 'vitest'
import type { Change } from '../contract/record.ts'
import { PlainTask } from '../plain/task.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { count } from './count.ts'
import { filterTable } from './filter-table.ts'
import { cents, clients, draw, keepsPolicies, type Order, order, run } from './orders.fixture.ts'
import { regroup } from './regroup.ts'
import { table } from './table.ts'
import { toStream } from './to-stream.ts'
import { toTable } from './to-table.ts'

const change = (value: number | null, previous: number | null): Change<string, number> => ({
  key: 'a',
  value,
  previous,
  timestamp: 5,
  headers: [],
  latest: true,
})
const even = filterTable<string, number>(n => n % 2 === 0)

it('keeps rows; one that is not kept becomes a deletion, of old values too', async () => {
  const got = await run(even, [change(2, null), change(4, 2), change(5, 4), change(6, 5), change(null, 6)])
  expect(got).toEqual([change(2, null), change(4, 2), change(null, 4), change(6, null), change(null, 6)])
})

it('hands on nothing for a row that neither was nor is', async () => {
  expect(await run(even, [change(1, null), change(3, 1), change(null, 3)])).toEqual([])
})

keepsPolicies('filterTable', options =>
  pipe(
    toTable<string, Order>(),
    filterTable(order => cents(order) > 0, options),
  ),
)

it('keeps serdes and partitions, and lets others ask for old values', () => {
  const { key, value } = clients.node
  const active = clients.pipe(filterTable(client => client.active))
  expect(active.node).toMatchObject({ label: 'filterTable', key, value, partitioned: true, table: 'derived' })
  expect(draw(active.pipe(toStream())).asked.size).toBe(0)
})

it('knows old values where the table keeps its rows anyway, as it was when the filter was drawn', () => {
  const rows = table<string, number>('rows', { key: text, value: int64, store: 'rows' })
  const kept = rows.pipe(even)
  expect([...draw(kept).asked]).toEqual([rows.node, kept.node])
  const lazy = table<string, number>('lazy', { key: text, value: int64 })
  const before = lazy.pipe(even)
  const counted = lazy.pipe(
    regroup('g', n => [String(n), n], { key: text, value: int64 }),
    count('n'),
  )
  const after = lazy.pipe(even)
  const { asked } = draw(before, counted, after)
  expect([asked.has(before.node), asked.has(after.node)]).toEqual([false, true])
})

it('keeps its rows in a store of its own, and knows the one before from there', async () => {
  const unknown = (value: number | null): Change<string, number> => ({ ...change(value, null), previous: undefined })
  const stored = filterTable<string, number>(n => n % 2 === 0, { store: 'even' })
  expect(await run(stored, [unknown(1), unknown(2), unknown(4), unknown(5), unknown(null)])).toEqual([
    change(2, null),
    change(4, 2),
    change(null, 4),
  ])
  const rows = table<string, number>('rows', { key: text, value: int64 })
  const plan = draw(rows.pipe(stored))
  expect([...plan.stores.keys()]).toEqual(['even'])
  expect(plan.asked.size).toBe(0)
  expect(() => rows.pipe(filterTable(() => true, { store: 'a b' }))).toThrow('RIACHO_NAME')
})

it('shows the rows that it keeps, as of a time too', () => {
  const rows = clients.pipe(filterTable(client => client.active)).node
  const row = (active: boolean) => ({ value: { active }, timestamp: 7 })
  const parent = { get: () => row(true), asOf: (_key: never, timestamp: number) => row(timestamp > 5) }
  const view = rows.view!(new PlainTask(() => {}), () => parent)
  expect(view.get('a' as never)).toEqual(row(true))
  expect(view.asOf?.('a' as never, 6)).toEqual(row(true))
  expect(view.asOf?.('a' as never, 5)).toBe(undefined)
  const { asOf: _, ...without } = parent
  expect(rows.view!(new PlainTask(() => {}), () => without).asOf).toBe(undefined)
})

it('has no row for a reader where its function throws, unless it stops', () => {
  const broken = (onError: 'skip' | 'fail') => clients.pipe(filterTable(() => cents(order(-1).value) > 0, { onError })).node
  const parent = { get: () => ({ value: 1, timestamp: 7 }) }
  const read = (onError: 'skip' | 'fail') => broken(onError).view!(new PlainTask(() => {}), () => parent).get('a' as never)
  expect(read('skip')).toBe(undefined)
  expect(() => read('fail')).toThrow("'filterTable' failed")
})

it('hands on every deletion of a table ordered by time, and is ordered by time itself unless it has a store', () => {
  const history = table<string, number>('history', { key: text, value: int64, historyRetention: 100 })
  expect(history.pipe(even).node.versioned).toBe(true)
  expect(history.pipe(filterTable(() => true, { store: 's' })).node.versioned).toBe(undefined)
  const handed = (rows: typeof history) => {
    const got: unknown[] = []
    const [input] = rows.pipe(even).node.open(new PlainTask(() => {}), record => got.push(record), { previous: true } as never)
    input!({ ...change(1, null), latest: false })
    return got
  }
  expect(handed(history)).toEqual([{ ...change(null, null), latest: false }])
  expect(handed(table('plain', { key: text, value: int64 }))).toEqual([])
})
