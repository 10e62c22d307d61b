import { pipe } from 'rxjs'
import { expect, it } from 'vitest'
import type { Change } from '../contract/record.ts'
import { PlainTask } from '../plain/task.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { mapTable } from './map-table.ts'
import { cents, clients, draw, keepsPolicies, type Order, run } from './orders.fixture.ts'
import { table } from './table.ts'
import { toStream } from './to-stream.ts'
import { toTable } from './to-table.ts'

const change = <V>(value: V | null, previous: V | null): Change<string, V> => ({
  key: 'a',
  value,
  previous,
  timestamp: 5,
  headers: [],
  latest: true,
})

it('makes a new value of each row and of the one before; a deletion stays one', async () => {
  const shown = mapTable<string, number, string>((n, key) => `${key}${n}`)
  expect(await run(shown, [change(1, null), change(2, 1), change<number>(null, 2)])).toEqual([
    change('a1', null),
    change('a2', 'a1'),
    change(null, 'a2'),
  ])
})

it('has no row where the function answers null', async () => {
  const some = mapTable<string, number, number>(n => (n > 1 ? n : null))
  expect(await run(some, [change(1, null), change(2, 1), change(1, 2)])).toEqual([change(null, null), change(2, null), change(null, 2)])
})

keepsPolicies('mapTable', options =>
  pipe(
    toTable<string, Order>(),
    mapTable(order => cents(order), options),
  ),
)

it('keeps its rows in a store of its own, and knows the one before from there', async () => {
  const unknown = (value: number | null): Change<string, number> => ({ ...change(value, null), previous: undefined })
  const stored = mapTable<string, number, string>(n => (n > 9 ? null : String(n)), { store: 'shown', value: text })
  expect(await run(stored, [unknown(1), unknown(2), unknown(10), unknown(null)])).toEqual([
    change('1', null),
    change('2', '1'),
    change(null, '2'),
    change(null, null),
  ])
  const rows = table<string, number>('rows', { key: text, value: int64 })
  expect([...draw(rows.pipe(stored)).stores.keys()]).toEqual(['shown'])
  expect(() => rows.pipe(mapTable(() => 1, { store: 'a b' }))).toThrow('RIACHO_NAME')
})

it('shows the rows that it makes', () => {
  const rows = clients.pipe(mapTable(client => (client.active ? client.name : null))).node
  const parent = { get: (key: string) => ({ value: { name: 'Ann', active: key === 'a' }, timestamp: 7 }) }
  const view = rows.view!(new PlainTask(() => {}), () => parent as never)
  expect(view.get('a' as never)).toEqual({ value: 'Ann', timestamp: 7 })
  expect(view.get('b' as never)).toBe(undefined)
})

it('keeps the key serde and the partitions, and lets others ask for old values', () => {
  const names = clients.pipe(mapTable(client => client.name))
  expect(names.node).toMatchObject({
    label: 'mapTable',
    key: clients.node.key,
    value: undefined,
    partitioned: true,
    table: 'derived',
  })
  expect(clients.pipe(mapTable(client => client.name, { value: text })).node.value).toBe(text)
  draw(names.pipe(toStream()))
})

it('is ordered by time where its table is, unless it has a store', () => {
  const history = table<string, number>('history', { key: text, value: int64, historyRetention: 100 })
  expect(history.pipe(mapTable(String)).node.versioned).toBe(true)
  expect(history.pipe(mapTable(String, { store: 's' })).node.versioned).toBe(undefined)
})
