import { expect, it } from 'vitest'
import type { OnError } from '../contract/node.ts'
import { looked } from '../join/lookup.fixture.ts'
import type { LookupOptions } from '../join/lookup.ts'
import { json } from '../serde/json.ts'
import { text } from '../serde/text.ts'
import { globalTable } from './global-table.ts'
import { lookup } from './lookup.ts'
import { cents, draw, type Order, order, orders, run } from './orders.fixture.ts'
import { selectKey } from './select-key.ts'

const serdes = { key: text, value: json<number>() }
const prices = globalTable('prices', serdes)
const priced = (options: LookupOptions = {}) =>
  orders.pipe(
    lookup(
      prices,
      order => (order.client === 'nobody' ? null : order.client),
      (order, price) => cents(order) * price,
      options,
    ),
  )

it('joins with the row that the key asks for; key, time and headers stay', () => {
  const { out } = looked(priced(), { a: 3, b: 5 }, [order(2, 'a', 40), order(2, 'b', 4)])
  expect(out).toEqual([
    { ...order(2, 'a', 40), value: 6 },
    { ...order(2, 'b', 4), value: 10 },
  ])
})

it('drops what has no value, no key to look up, or no row, and counts each', () => {
  const { out, dropped } = looked(priced(), { a: 3 }, [{ ...order(1), value: null }, order(1, 'nobody'), order(1, 'c'), order(1)])
  expect([dropped, out.length]).toEqual([['null-value', 'null-key', 'no-match'], 1])
})

it('a record whose own key is null is looked up all the same', () => {
  expect(looked(priced(), { a: 3 }, [{ ...order(1), key: null }]).out).toEqual([{ ...order(1), key: null, value: 3 }])
})

it('does with a missing row what it is told', () => {
  const missing = (onMissing: OnError) => looked(priced({ onMissing, onError: 'skip' }), {}, [order(1)])
  expect(() => missing('fail')).toThrow(/RIACHO_NO_MATCH: 'lookup' failed at orders-0 offset 7: 'prices' has no row with the key "a"/)
  expect(missing({ deadLetter: 'dead' })).toMatchObject({ dropped: [], letters: [{ topic: 'dead', code: 'RIACHO_NO_MATCH' }] })
})

it('keeps the policies of what its functions throw', () => {
  const failing = (options: LookupOptions) => looked(priced(options), { a: 3 }, [order(-5), order(1)])
  expect(() => failing({})).toThrow(/RIACHO_PROCESSING: 'lookup' failed.*-5 cents/)
  expect(failing({ onError: 'skip' })).toMatchObject({ dropped: ['processing'], out: [{ value: 3 }] })
  expect(failing({ onError: { deadLetter: 'dead' } })).toMatchObject({ letters: [{ topic: 'dead' }], out: [{ value: 3 }] })
  const throwing = lookup<string, Order, string, number, number>(
    prices,
    ({ cents }) => {
      throw new Error(`no key of ${cents}`)
    },
    () => 1,
  )
  expect(() => looked(orders.pipe(throwing), {}, [order(1)])).toThrow('no key of 1')
})

it('tells the plan of both dead letter topics', () => {
  const of = (options: LookupOptions) => priced(options).node.deadLetters
  expect([of({}), of({ onError: { deadLetter: 'a' }, onMissing: { deadLetter: 'b' } }), of({ onMissing: { deadLetter: 'b' } })]).toEqual([
    undefined,
    ['a', 'b'],
    ['b'],
  ])
})

it('asks for rows as they were', () => {
  const history = globalTable('prices', { ...serdes, historyRetention: 100 })
  const joined = orders.pipe(
    lookup(
      history,
      order => order.client,
      (_, price) => price,
      { asOf: (_, { timestamp }) => timestamp - 1 },
    ),
  )
  expect(looked(joined, { 'a@4': 'then', a: 'now' }, [order(1, 'a', 5), order(1, 'a', 6)])).toMatchObject({
    out: [{ value: 'then' }],
    dropped: ['no-match'],
  })
  const needless = { asOf: () => 1 } as LookupOptions
  expect(() => priced(needless)).toThrow(/RIACHO_OPTION.*asOf needs the history of 'prices'.*historyRetention/)
})

it('needs no partitions, and keeps those that there are', () => {
  const scattered = orders.pipe(
    selectKey(order => order.client),
    lookup(
      prices,
      order => order.client,
      order => order,
    ),
  )
  expect([priced().node.partitioned, scattered.node.partitioned, draw(scattered).subTopologies.length]).toEqual([true, false, 1])
})

it('exists in plans only', () => {
  const operator = lookup<string, Order, string, number, number>(
    prices,
    order => order.client,
    (_, price) => price,
  )
  expect(() => run(operator, [order(1)])).toThrow(/RIACHO_PLAN_ONLY.*lookup/)
})
