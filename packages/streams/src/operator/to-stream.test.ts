import { expect, it } from 'vitest'
import { int64 } from '../serde/numbers.ts'
import { count } from './count.ts'
import { draw, orders, run } from './orders.fixture.ts'
import { to } from './to.ts'
import { toStream } from './to-stream.ts'

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
