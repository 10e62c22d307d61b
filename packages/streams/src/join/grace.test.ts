import { concat, from, NEVER, type Observable, of } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { Change, StreamRecord } from '../contract/record.ts'
import { filterTable } from '../operator/filter-table.ts'
import { join } from '../operator/join.ts'
import { leftJoin } from '../operator/left-join.ts'
import { mapTable } from '../operator/map-table.ts'
import { mapValues } from '../operator/map-values.ts'
import { clients, draw, keepsPolicies, type Order, order, orders, run } from '../operator/orders.fixture.ts'
import { table } from '../operator/table.ts'
import { toTable } from '../operator/to-table.ts'
import { json } from '../serde/json.ts'
import { text } from '../serde/text.ts'
import { isStream, type KTable } from '../stream.ts'
import { row } from './stream-table.fixture.ts'
import type { StreamTableOptions } from './stream-table.ts'

const cities: KTable<string, string> = table('cities', { key: text, value: text, historyRetention: 100 })
const shown = (value: Order, city: string | null): string => {
  if (value.cents < 0) throw new RangeError(`${value.cents} cents`)
  return `${value.cents} ${city}`
}
type Options = StreamTableOptions<string, Order>
type Side = Observable<Change<string, string>>
const joins = {
  join: (side: Side, options: Options) => join<string, Order, string, string>(side, shown, options),
  leftJoin: (side: Side, options: Options) => leftJoin<string, Order, string, string>(side, shown, options),
}
const waits = { grace: 10, name: 'met' }

describe.each(Object.entries(joins))('%s with a grace', (label, meeting) => {
  it('keeps what waits in a store of its name, with the serdes of the stream or its own', () => {
    const joined = orders.pipe(meeting(cities, waits))
    expect([...draw(joined).stores.keys()].sort()).toEqual(['cities', 'met-Buffer'])
    expect(joined.node).toMatchObject({ kind: 'join', label, timed: true })
    const made = orders.pipe(mapValues(value => ({ ...value })))
    expect(draw(made.pipe(meeting(cities, waits))).stores.has('met-Buffer')).toBe(true)
    expect(draw(made.pipe(meeting(cities, { ...waits, key: text, value: json<Order>() }))).stores.has('met-Buffer')).toBe(true)
  })

  it('takes a table that knows how its rows were, or one computed from such, and no other', () => {
    const computed = cities.pipe(
      filterTable(city => city !== ''),
      mapTable(city => city.trim(), { value: text }),
    )
    const made = orders.pipe(
      mapValues(value => value.client),
      toTable({ store: 'made', historyRetention: 5 }),
    )
    for (const side of [computed, made]) expect(orders.pipe(meeting(side, waits)).node.stores).toHaveLength(1)
    const kept = cities.pipe(filterTable(city => city !== '', { store: 'some' }))
    for (const side of [clients as unknown as KTable<string, string>, kept])
      expect(() => orders.pipe(meeting(side, waits))).toThrow('RIACHO_OPTION')
  })

  it('refuses a grace that is no time, and a name that Kafka does not allow', () => {
    for (const grace of [-1, 0.5, Number.NaN]) expect(() => orders.pipe(meeting(cities, { ...waits, grace }))).toThrow('RIACHO_OPTION')
    expect(() => orders.pipe(meeting(cities, { ...waits, name: 'a b' }))).toThrow('RIACHO_NAME')
    expect(() => orders.pipe(meeting(cities, { grace: 1 } as never))).toThrow('RIACHO_NAME')
  })

  it('lets records wait, in the order of their times, and not those that come later still', async () => {
    const rows = from([row('o1', 'Rio', 0), row('o2', 'Bonn', 12)])
    const records = [order(2, 'a', 15), order(1, 'a', 12), order(1, 'a', 30), order(2, 'a', 19), order(1, 'a', 25), order(1, 'a', 40)]
    const seen = await run(meeting(rows, waits), records)
    expect(seen.map(({ value, timestamp }) => [value, timestamp])).toEqual([
      ['1 Rio', 12],
      ['2 Bonn', 15],
      ['2 Bonn', 19],
      ['1 Rio', 25],
      ['1 Rio', 30],
    ])
    expect(seen[0]!.headers).toEqual(order(1).headers)
  })

  it('meets rows as of the record’s time, also those that came while it waited', async () => {
    const changes: Change<string, string>[] = [row('o1', 'late', 30), row('o1', 'Rio', 5), row('o1', null, 20), row('o1', 'Bonn', 12)]
    const times = [4, 5, 11, 12, 19, 20, 30, 100]
    const got = await run(
      meeting(concat(from(changes), NEVER), { ...waits, grace: 60 }),
      times.map(time => order(1, 'a', time)),
    )
    const missing = label === 'leftJoin' ? ['1 null'] : []
    const met = [...missing, '1 Rio', '1 Rio', '1 Bonn', '1 Bonn', ...missing, '1 late']
    expect(got.map(({ value }) => value)).toEqual(met)
  })

  const rows = from([row('o1', 'a', 0), row('o-5', 'b', 0), row('o2', 'c', 0)])
  const latest = order(9, 'a', 100)
  keepsPolicies(label, options => source => {
    const join = meeting(isStream(source) ? cities : rows, { ...waits, ...options })
    return isStream(source) ? source.pipe(join) : concat(source, of(latest)).pipe(join)
  })
})

const withoutKey = { ...order(1, 'a', 5), key: null } as unknown as StreamRecord<string, Order>

it('leaves out records without a key, or stops at them where it would have to hand them on', async () => {
  const rows = from([row('o1', 'Rio', 0)])
  const records = [order(1, 'a', 5), withoutKey, { ...order(1, 'a', 99), value: null } as never, order(1, 'a', 15)]
  expect(await run(joins.join(rows, waits), records)).toHaveLength(1)
  const stopped = { code: 'RIACHO_NULL_KEY', place: { node: 'leftJoin' } }
  await expect(run(joins.leftJoin(rows, waits), records)).rejects.toMatchObject(stopped)
  expect(await run(leftJoin<string, Order, string, string>(rows, shown), [withoutKey])).toHaveLength(1)
})
