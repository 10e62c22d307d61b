import { expect, it } from 'vitest'
import { filter } from './filter.ts'
import { cents, draw, keepsPolicies, order, orders, run } from './orders.fixture.ts'

it('keeps the records for which the predicate is true, as they are', async () => {
  const records = [order(0), order(1), order(2)]
  expect(
    await run(
      filter((value, record) => value.cents > 0 && record.key !== 'o2'),
      records,
    ),
  ).toEqual([records[1]])
})

it('keeps both serdes and the partitions', () => {
  const { node } = orders.pipe(filter(value => value.cents > 0))
  const { key, value } = orders.node
  expect(node).toMatchObject({ kind: 'step', label: 'filter', key, value, partitioned: true })
  expect(Object.isFrozen(node)).toBe(true)
  draw(orders.pipe(filter(value => value.cents > 0)))
})

keepsPolicies('filter', options => filter(value => cents(value) > 1, options))
