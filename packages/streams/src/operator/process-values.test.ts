import { expect, it } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { keyValueStore } from '../store/key-value.ts'
import { count } from './count.ts'
import { cents, draw, keepsPolicies, type Order, order, orders, run } from './orders.fixture.ts'
import { processValues } from './process-values.ts'
import { selectKey } from './select-key.ts'

const seen = keyValueStore('seen', { key: text, value: int64 })
const numbered = processValues<string, Order, number>(
  'numbered',
  context => {
    const store = context.store(seen)
    return record => {
      const n = (store.get(record.key)?.value ?? 0) + 1
      store.put(record.key, n, record.timestamp)
      context.forward({ ...record, value: n })
    }
  },
  { stores: [seen], value: int64 },
)

it('forwards other values of the same key', async () => {
  const values = (await run(numbered, [order(1), order(2), order(1)])).map(({ key, value }) => [key, value])
  expect(values).toEqual([
    ['o1', 1],
    ['o2', 1],
    ['o1', 2],
  ])
})

it('keeps the key, its serde and its partitions', () => {
  const { node } = orders.pipe(numbered)
  expect(node).toMatchObject({ key: text, value: int64, partitioned: true, keyed: true, stores: [seen] })
  draw(orders.pipe(numbered, count('counts')))
  const scattered = orders.pipe(selectKey(order => order.client))
  expect(() => scattered.pipe(numbered)).toThrow('RIACHO_NOT_PARTITIONED')
  expect(scattered.pipe(processValues('plain', ({ forward }) => forward)).node.partitioned).toBe(false)
})

it('does not change the key', async () => {
  const changing = processValues<string, Order, Order>('changing', context => record => context.forward({ ...record, key: 'other' }))
  await expect(run(changing, [order(1)])).rejects.toMatchObject({ code: 'RIACHO_FIXED_KEY', place: { node: 'changing' } })
})

it('forwards what it likes when it is punctuated', async () => {
  const rows = processValues<string, Order, number>('rows', context => {
    const last = new Map<string, StreamRecord<string, Order>>()
    context.schedule(10, 'stream', time => {
      for (const record of last.values()) context.forward({ ...record, value: record.value.cents, timestamp: time })
    })
    return record => {
      last.set(record.key, record)
    }
  })
  const values = (await run(rows, [order(1, 'a', 1), order(2, 'a', 2), order(3, 'a', 25)])).map(each => [each.key, each.timestamp])
  expect(values).toEqual([
    ['o1', 1],
    ['o1', 25],
    ['o2', 25],
    ['o3', 25],
  ])
})

keepsPolicies('p', options =>
  processValues<string, Order, number>('p', context => record => context.forward({ ...record, value: cents(record.value) }), options),
)
