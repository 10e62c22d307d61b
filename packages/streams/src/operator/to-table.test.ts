import { expect, it } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { count } from './count.ts'
import { join } from './join.ts'
import { merge } from './merge.ts'
import { draw, orders, run } from './orders.fixture.ts'
import { regroup } from './regroup.ts'
import { selectKey } from './select-key.ts'
import { toStream } from './to-stream.ts'
import { toTable } from './to-table.ts'
import { topic } from './topic.ts'

const at = (key: string | null, value: number | null, timestamp: number): StreamRecord<string | null, number | null> => ({
  key,
  value,
  timestamp,
  headers: [],
})

it('makes the last record of a key its row, deletes with null, leaves out null keys', async () => {
  const got = await run(toTable<string | null, number | null>(), [
    at('a', 1, 9),
    at('a', 2, 3),
    at(null, 3, 4),
    at('a', null, 5),
    at('b', null, 6),
  ])
  const change = (key: string, value: number | null, previous: number | null, timestamp: number) => ({
    key,
    value,
    previous,
    timestamp,
    headers: [],
    latest: true,
  })
  expect(got).toEqual([change('a', 1, null, 9), change('a', 2, 1, 3), change('a', null, 2, 5), change('b', null, null, 6)])
})

it('keeps serdes and partitions, and has the store that it names', () => {
  const { key, value } = orders.node
  expect(orders.pipe(toTable()).node).toMatchObject({
    kind: 'table',
    label: 'toTable',
    key,
    value,
    partitioned: true,
    keyed: true,
    table: 'lazy',
  })
  const kept = orders.pipe(toTable({ store: 'last-orders' }))
  expect(kept.node).toMatchObject({ label: 'last-orders', table: 'kept' })
  expect([...draw(kept).stores.keys()]).toEqual(['last-orders'])
  const other = topic<string, number>('n', { key: text, value: text as never })
  expect(other.pipe(toTable({ store: 's', value: int64 })).node.value).toBe(int64)
})

it('needs a name where somebody reads its rows', () => {
  const unnamed = orders.pipe(toTable())
  expect([...draw(unnamed.pipe(toStream())).stores.keys()]).toEqual([])
  expect(() => draw(orders.pipe(join(unnamed, value => value)))).toThrow('RIACHO_NAME')
  const grouped = unnamed.pipe(
    regroup('g', each => [each.client, each.cents], { key: text, value: int64 }),
    count('n'),
  )
  expect(() => draw(grouped)).toThrow("the rows of 'toTable' are needed")
})

it('needs its key together, and a serde for what it keeps', () => {
  const moved = orders.pipe(selectKey(each => each.client))
  expect(() => moved.pipe(toTable())).toThrow('RIACHO_NOT_PARTITIONED')
  expect(() => moved.pipe(toTable({ store: 's' }))).toThrow('RIACHO_NOT_PARTITIONED')
  expect(() => orders.pipe(toTable({ store: 'a b' }))).toThrow('RIACHO_NAME')
  const mixed = merge(orders, orders.pipe(count('n'), toStream()) as unknown as typeof orders)
  expect(() => mixed.pipe(toTable({ store: 's' }))).toThrow('RIACHO_NO_SERDE')
})
