import { expect, it } from 'vitest'
import { filterNot } from './filter-not.ts'
import { cents, draw, keepsPolicies, order, orders, run } from './orders.fixture.ts'

it('keeps the records for which the predicate is false', async () => {
  const records = [order(0), order(1)]
  expect(
    await run(
      filterNot(value => value.cents > 0),
      records,
    ),
  ).toEqual([records[0]])
})

it('keeps both serdes and the partitions', () => {
  const stream = orders.pipe(filterNot(value => value.client === 'test'))
  const { key, value } = orders.node
  expect(stream.node).toMatchObject({ label: 'filterNot', key, value, partitioned: true })
  draw(stream)
})

keepsPolicies('filterNot', options => filterNot(value => cents(value) > 1, options))
