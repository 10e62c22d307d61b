import { from } from 'rxjs'
import { expect, it } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import { keepsJoins, type Meeting, row } from '../join/stream-table.fixture.ts'
import { leftJoin } from './left-join.ts'
import { cents, draw, type Order, order, orders, run } from './orders.fixture.ts'
import { rekey } from './rekey.ts'
import { table } from './table.ts'

const meeting: Meeting = (rows, options) => leftJoin(rows, (value, city) => `${cents(value)} ${city}`, options)
keepsJoins('leftJoin', meeting)

it('joins records without a row or without a key with null, and leaves out those without a value', async () => {
  const cities = from([row('o1', 'Rio'), row('o2', 'Bonn'), row('o2', null)])
  const records = [order(1), order(2), { ...order(3), value: null }, { ...order(1), key: null }, { ...order(4), key: null, value: null }]
  const seen = await run(meeting(cities), records as unknown as StreamRecord<string, Order>[])
  expect(seen.map(({ key, value }) => [key, value])).toEqual([
    ['o1', '1 Rio'],
    ['o2', '2 null'],
    [null, '1 null'],
  ])
})

it('lets null keys through the topic before it', () => {
  const moved = orders.pipe(rekey('by-client', each => each.client))
  const cities = table<string, string>('cities', { key: orders.node.key as never, value: orders.node.value as never })
  const plan = draw(moved.pipe(meeting(cities)))
  expect(plan.nullKeys.has(moved.node)).toBe(true)
})
