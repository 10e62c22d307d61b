import { expect, it } from 'vitest'
import type { Change, StreamRecord } from '../contract/record.ts'
import { filterTable } from '../operator/filter-table.ts'
import { mapTable } from '../operator/map-table.ts'
import { draw, orders, run } from '../operator/orders.fixture.ts'
import { rekey } from '../operator/rekey.ts'
import { table } from '../operator/table.ts'
import { toStream } from '../operator/to-stream.ts'
import { toTable } from '../operator/to-table.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'

const versions = table('versions', { key: text, value: int64, historyRetention: 50 })
const record = (value: number | null, timestamp: number, key = 'k'): StreamRecord<string, number | null> => ({
  key,
  value,
  timestamp,
  headers: [],
})
const told = ({ value, previous, latest }: Change<string, number>) => [value, previous, latest]

it('always has a store, named as said or as the topic', () => {
  const stores = (plan: ReturnType<typeof draw>) => Array.from(plan.stores.values(), ({ name, kind, retention }) => [name, kind, retention])
  expect(stores(draw(versions.pipe(toStream())))).toEqual([['versions', 'versioned', 50]])
  const named = table('versions', { key: text, value: int64, store: 'mine', historyRetention: 50 })
  expect(stores(draw(named.pipe(toStream())))).toEqual([['mine', 'versioned', 50]])
  const made = orders.pipe(
    rekey('by-client', order => order.client),
    toTable({ store: 'made', historyRetention: 7 }),
  )
  expect(stores(draw(made.pipe(toStream())))).toEqual([['made', 'versioned', 7]])
})

it('is versioned, and so is what is computed from it; what is kept again is not', () => {
  expect(versions.node.versioned).toBe(true)
  expect(versions.pipe(filterTable(n => n > 1)).node.versioned).toBe(true)
  expect(versions.pipe(mapTable(n => n + 1)).node.versioned).toBe(true)
  expect(versions.pipe(filterTable(n => n > 1, { store: 'some' })).node.versioned).toBeUndefined()
  expect(table('t', { key: text, value: int64 }).node.versioned).toBeUndefined()
})

it('hands on changes out of order as such, and none beyond the history', async () => {
  const made = toTable<string, number | null>({ store: 'made', historyRetention: 50 })
  const records = [record(1, 100), record(2, 90), record(3, 100), record(4, 49), record(5, 50), record(null, 101), record(6, 101)]
  expect((await run(made, [...records, record(7, 0, 'other')])).map(told)).toEqual([
    [1, null, true],
    [2, 1, false],
    [3, 1, true],
    [5, 3, false],
    [null, 3, true],
    [6, null, true],
  ])
})

it('leaves out records without a key', async () => {
  const made = toTable<string | null, number | null>({ store: 'made', historyRetention: 50 })
  expect(await run(made, [{ ...record(1, 100), key: null }])).toEqual([])
})

it('refuses a history that is no time, and one without a named store', () => {
  expect(() => table('t', { key: text, value: int64, historyRetention: -1 })).toThrow('RIACHO_OPTION')
  expect(() => table('t', { key: text, value: int64, historyRetention: 5, headers: true })).toThrow('holds no headers')
  expect(() => orders.pipe(toTable({ store: 't', historyRetention: 5, headers: true } as never))).toThrow('holds no headers')
  const unnamed = { historyRetention: 5 } as never
  expect(() =>
    orders.pipe(
      rekey('by-client', order => order.client),
      toTable(unnamed),
    ),
  ).toThrow('RIACHO_OPTION')
})
