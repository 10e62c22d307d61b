import { expect, it } from 'vitest'
import { cents, draw, keepsPolicies, order, orders, run } from './orders.fixture.ts'
import { tap } from './tap.ts'

it('looks at each record before it goes on', async () => {
  const seen: unknown[] = []
  const records = [order(1), order(2)]
  expect(
    await run(
      tap((value, record) => seen.push([record.key, value.cents])),
      records,
    ),
  ).toEqual(records)
  expect(seen).toEqual([
    ['o1', 1],
    ['o2', 2],
  ])
})

it('keeps both serdes and the partitions', () => {
  const { key, value } = orders.node
  const stream = orders.pipe(tap(order => console.log(order)))
  expect(stream.node).toMatchObject({ label: 'tap', key, value, partitioned: true })
  draw(stream)
})

keepsPolicies('tap', options => tap(value => void cents(value), options))
