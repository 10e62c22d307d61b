import { expect, it } from 'vitest'
import { mapValues } from './map-values.ts'
import { cents, draw, keepsPolicies, order, orders, run } from './orders.fixture.ts'

it('makes a new value; key, time and headers stay', async () => {
  const record = order(250, 'a', 7)
  expect(
    await run(
      mapValues((value, { key }) => `${key}: ${value.cents / 100}`),
      [record],
    ),
  ).toEqual([{ ...record, value: 'o250: 2.5' }])
})

it('keeps the key serde and the partitions, and has no value serde', () => {
  const stream = orders.pipe(mapValues(value => value.cents / 100))
  expect(stream.node).toMatchObject({ label: 'mapValues', key: orders.node.key, value: undefined, partitioned: true })
  draw(stream)
})

keepsPolicies('mapValues', options => mapValues(cents, options))
