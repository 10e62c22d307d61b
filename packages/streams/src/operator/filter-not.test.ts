import { expect, it } from 'vitest'
import { filter } from './filter.ts'
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

it('takes what is no boolean as rxjs does: a field that JSON left out is no', async () => {
  const test = (value: object): boolean => (value as { test?: boolean }).test as boolean
  expect(await run(filterNot(test), [order(1)])).toEqual([order(1)])
  expect(
    await run(
      filter(value => value.cents as unknown as boolean),
      [order(0), order(1)],
    ),
  ).toEqual([order(1)])
})

it('keeps both serdes and the partitions', () => {
  const stream = orders.pipe(filterNot(value => value.client === 'test'))
  const { key, value } = orders.node
  expect(stream.node).toMatchObject({ label: 'filterNot', key, value, partitioned: true })
  draw(stream)
})

keepsPolicies('filterNot', options => filterNot(value => cents(value) > 1, options))
