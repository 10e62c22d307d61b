import { pipe } from 'rxjs'
import { expect, it } from 'vitest'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { count } from './count.ts'
import { cents, draw, keepsPolicies, type Order, orders, run } from './orders.fixture.ts'
import { to } from './to.ts'
import { toStream } from './to-stream.ts'
import { toTable } from './to-table.ts'

const change = { key: 'a', value: 1 as number | null, previous: null, timestamp: 5, headers: [], latest: true }

it('hands on the new value of each change, null for a deletion, and nothing else', async () => {
  const got = await run(toStream<string, number>(), [change, { ...change, value: null }])
  expect(got).toEqual([
    { key: 'a', value: 1, timestamp: 5, headers: [] },
    { key: 'a', value: null, timestamp: 5, headers: [] },
  ])
})

it('keeps serdes and partitions', () => {
  const counts = orders.pipe(count('orders-per-client'))
  expect(counts.pipe(toStream()).node).toMatchObject({ label: 'toStream', key: orders.node.key, value: int64, partitioned: true })
  draw(counts.pipe(toStream(), to('counts', { value: int64 })))
})

it('chooses a new key, of deleted rows too, and is then partitioned no more', async () => {
  const rekeyed = toStream({ key: (value: number | null, key: string) => `${key}${value}` })
  const got = await run(rekeyed, [change, { ...change, value: null }])
  expect(got.map(each => each.key)).toEqual(['a1', 'anull'])
  const counts = orders.pipe(count('orders-per-client'))
  expect(counts.pipe(rekeyed).node).toMatchObject({ label: 'toStream', key: text, value: int64, partitioned: false })
  expect(counts.pipe(toStream({ key: n => n, serde: int64 })).node.key).toBe(int64)
})

keepsPolicies('toStream', options => pipe(toTable<string, Order>(), toStream({ key: value => String(cents(value!)), ...options })))
