import { expect, it } from 'vitest'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { count } from './count.ts'
import { filter } from './filter.ts'
import { cents, draw, keepsPolicies, order, orders, run } from './orders.fixture.ts'
import { rekey } from './rekey.ts'
import { to } from './to.ts'

it('gives a new key; value, time and headers stay', async () => {
  const record = order(1, 'b', 5)
  expect(
    await run(
      rekey('r', value => value.client),
      [record],
    ),
  ).toEqual([{ ...record, key: 'b' }])
})

it('partitions by its key: texts, or the serde that it is given', () => {
  const { value } = orders.node
  expect(orders.pipe(rekey('r', order => order.client)).node).toMatchObject({
    kind: 'rekey',
    key: text,
    value,
    partitioned: true,
    repartition: { optional: true },
  })
  expect(orders.pipe(rekey('r', order => order.cents, { key: int64 })).node.key).toBe(int64)
})

it('moves data only for a keyed operator in the task that follows', () => {
  const byClient = orders.pipe(rekey('by-client', order => order.client))
  const moved = draw(
    byClient.pipe(
      filter(order => order.cents > 0),
      count('orders-per-client'),
    ),
  )
  expect([moved.unmoved.size, moved.subTopologies.length]).toEqual([0, 2])
  const unmoved = draw(
    byClient.pipe(to('by-client')),
    byClient.pipe(
      rekey('again', order => order.client),
      count('n'),
    ),
  )
  expect([...unmoved.unmoved]).toEqual([byClient.node])
})

keepsPolicies('r', options => rekey('r', value => String(cents(value)), options))

it('goes where it is told, and has a policy for what cannot be written', () => {
  const partition = () => 1
  const moved = orders.pipe(rekey('by-client', order => order.client, { partition, onError: 'skip' })).node
  expect(moved).toMatchObject({ repartition: { partition, onError: 'skip' } })
  expect(moved.deadLetters).toBeUndefined()
})
