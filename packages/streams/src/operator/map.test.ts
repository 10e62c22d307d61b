import { expect, it } from 'vitest'
import { json } from '../serde/json.ts'
import { text } from '../serde/text.ts'
import { count } from './count.ts'
import { map } from './map.ts'
import { cents, draw, keepsPolicies, order, orders, run } from './orders.fixture.ts'
import { to } from './to.ts'

it('makes a new key and value; time and headers stay', async () => {
  const record = order(5, 'b', 9)
  expect(
    await run(
      map(value => [value.client, value.cents]),
      [record],
    ),
  ).toEqual([{ ...record, key: 'b', value: 5 }])
})

it('has the serdes that it is given, and is not partitioned', () => {
  const value = json<number>()
  const stream = orders.pipe(map(order => [order.client, order.cents], { key: text, value }))
  expect(stream.node).toMatchObject({ label: 'map', key: text, value, partitioned: false })
  expect(() => stream.pipe(count('n'))).toThrow('RIACHO_NOT_PARTITIONED')
  expect(() =>
    orders.pipe(
      map(order => [order.client, 1]),
      to('out'),
    ),
  ).toThrow('RIACHO_NO_SERDE')
  draw(stream.pipe(to('out')))
})

keepsPolicies('map', options => map(value => ['k', cents(value)], options))
