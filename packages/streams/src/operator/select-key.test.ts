import { expect, it } from 'vitest'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { count } from './count.ts'
import { cents, draw, keepsPolicies, order, orders, run } from './orders.fixture.ts'
import { repartition } from './repartition.ts'
import { selectKey } from './select-key.ts'

it('gives a new key; value, time and headers stay', async () => {
  const record = order(1, 'b', 5)
  expect(
    await run(
      selectKey(value => value.client),
      [record],
    ),
  ).toEqual([{ ...record, key: 'b' }])
})

it('is not partitioned; texts need no serde', () => {
  const stream = orders.pipe(selectKey(order => order.client))
  expect(stream.node).toMatchObject({ label: 'selectKey', key: text, value: orders.node.value, partitioned: false })
  expect(orders.pipe(selectKey(order => order.cents, { key: int64 })).node.key).toBe(int64)
  expect(() => stream.pipe(count('n'))).toThrow('RIACHO_NOT_PARTITIONED')
  draw(stream.pipe(repartition('by-client'), count('n')))
})

keepsPolicies('selectKey', options => selectKey(value => String(cents(value)), options))
