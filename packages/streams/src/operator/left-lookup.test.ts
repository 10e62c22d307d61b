import { expect, it } from 'vitest'
import { looked } from '../join/lookup.fixture.ts'
import { json } from '../serde/json.ts'
import { text } from '../serde/text.ts'
import { days } from '../window/duration.ts'
import { count } from './count.ts'
import { globalTable } from './global-table.ts'
import { leftLookup } from './left-lookup.ts'
import { cents, draw, type Order, order, orders, run } from './orders.fixture.ts'
import { rekey } from './rekey.ts'

const prices = globalTable('prices', { key: text, value: json<number>() })
const priced = (options = {}) =>
  orders.pipe(
    leftLookup(
      prices,
      order => (order.client === 'nobody' ? null : order.client),
      (order, price) => `${cents(order)}/${price}`,
      options,
    ),
  )

it('joins with null where there is no row, or nothing to look up', () => {
  const { out, dropped } = looked(priced(), { a: 3 }, [order(1), order(2, 'c'), order(3, 'nobody'), { ...order(4), value: null }])
  expect([out.map(({ value }) => value), dropped]).toEqual([['1/3', '2/null', '3/null'], ['null-value']])
})

it('keeps the policies of what its functions throw', () => {
  expect(() => looked(priced(), {}, [order(-5)])).toThrow(/RIACHO_PROCESSING: 'leftLookup' failed/)
  expect(looked(priced({ onError: 'skip' }), {}, [order(-5), order(1)])).toMatchObject({
    dropped: ['processing'],
    out: [{ value: '1/null' }],
  })
})

it('asks for rows as they were', () => {
  const history = globalTable('prices', { key: text, value: json<{ cents: number }>(), historyRetention: days(90) })
  const joined = orders.pipe(
    leftLookup(
      history,
      order => order.client,
      (_, price) => price?.cents ?? 0,
      { asOf: (_, { timestamp }) => timestamp },
    ),
  )
  expect(looked(joined, { 'a@5': { cents: 7 } }, [order(1, 'a', 5), order(1, 'a', 6)]).out.map(({ value }) => value)).toEqual([7, 0])
})

it('takes null keys through a repartition before it, as Kafka Streams does', () => {
  const moved = orders.pipe(rekey('by-client', order => order.client))
  const joined = moved.pipe(
    leftLookup(
      prices,
      order => order.client,
      (order, price) => ({ ...order, price }),
    ),
  )
  const plan = draw(joined.pipe(count('n')))
  expect(plan.nullKeys).toEqual(new Set([moved.node]))
})

it('exists in plans only', () => {
  const operator = leftLookup<string, Order, string, number, number>(
    prices,
    order => order.client,
    (_, price) => price ?? 0,
  )
  expect(() => run(operator, [order(1)])).toThrow(/RIACHO_PLAN_ONLY.*leftLookup/)
})
