import { from } from 'rxjs'
import { expect, it } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import { keepsJoins, type Meeting, row } from '../join/stream-table.fixture.ts'
import { join } from './join.ts'
import { cents, type Order, order, run } from './orders.fixture.ts'

const meeting: Meeting = (table, options) => join(table, (value, city) => `${cents(value)} ${city}`, options)
keepsJoins('join', meeting)

it('leaves out records without a row, without a key, without a value', async () => {
  const cities = from([row('o1', 'Rio'), row('o2', 'Bonn'), row('o2', null), row('o4', 'Oslo')])
  const records = [order(1), order(2), order(3), { ...order(4), value: null }, { ...order(1), key: null }]
  const seen = await run(meeting(cities), records as unknown as StreamRecord<string, Order>[])
  expect(seen.map(each => each.value)).toEqual(['1 Rio'])
})
