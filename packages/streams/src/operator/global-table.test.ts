import { expect, it } from 'vitest'
import { json } from '../serde/json.ts'
import { text } from '../serde/text.ts'
import { type GlobalTableOptions, globalTable } from './global-table.ts'
import { leftLookup } from './left-lookup.ts'
import { lookup } from './lookup.ts'
import { draw, type Order, orders } from './orders.fixture.ts'
import { table } from './table.ts'

type Prices = GlobalTableOptions<string, { cents: number }>
const serdes: Prices = { key: text, value: json<{ cents: number }>() }
const prices = globalTable('prices', serdes)
const byClient = lookup<string, Order, string, { cents: number }, number>(
  prices,
  order => order.client,
  (order, price) => order.cents * price.cents,
)

it('is a frozen value with its own store, named by the topic or as told, and without a changelog', () => {
  expect([prices.name, Object.isFrozen(prices), prices.facts.store.name, prices.facts.store.logged]).toEqual([
    'prices',
    true,
    'prices',
    false,
  ])
  expect(globalTable('prices', { ...serdes, store: 'kept' }).facts.store.name).toBe('kept')
  expect([prices.facts.store.kind, globalTable('prices', { ...serdes, historyRetention: 5 }).facts.store.kind]).toEqual([
    'key-value',
    'versioned',
  ])
})

it('takes times as they are unless somebody reads or limits them', () => {
  const policy = (options: Partial<Prices>) => globalTable('prices', { ...serdes, ...options }).facts.source.invalidTimestamp
  expect([
    policy({}),
    policy({ timestamp: () => 1 }),
    policy({ maxFutureSkew: 5 }),
    policy({ maxFutureSkew: 5, invalidTimestamp: 'partitionTime' }),
  ]).toEqual(['keep', 'skip', 'fail', 'partitionTime'])
})

it('is a part of the plans that read it, once, and of no task', () => {
  const plan = draw(orders.pipe(byClient), orders.pipe(byClient))
  expect([plan.globals, [...plan.stores.keys()], plan.subTopologies.map(part => part.topics)]).toEqual([[prices.facts], [], [['orders']]])
  expect(draw(orders).globals).toEqual([])
})

it('changes the fingerprint of a plan', () => {
  const withKept = lookup<string, Order, string, { cents: number }, number>(
    globalTable('prices', { ...serdes, store: 'kept' }),
    order => order.client,
    order => order.cents,
  )
  const prints = [orders.pipe(byClient), orders.pipe(byClient), orders.pipe(withKept)].map(end => draw(end).fingerprint)
  expect(prints[0]).toBe(prints[1])
  expect(prints[0]).not.toBe(prints[2])
})

it('has its topic and its store to itself', () => {
  const other = (name: string, store?: string) =>
    leftLookup<string, Order, string, { cents: number }, Order>(
      globalTable(name, { ...serdes, ...(store !== undefined && { store }) }),
      order => order.client,
      order => order,
    )
  expect(() => draw(orders.pipe(byClient), orders.pipe(other('prices')))).toThrow(/RIACHO_NAME.*'prices' is a global table/)
  expect(() => draw(orders.pipe(other('orders')))).toThrow(/RIACHO_NAME.*'orders' is a global table/)
  expect(() => draw(orders.pipe(byClient), orders.pipe(other('rates', 'prices')))).toThrow(/RIACHO_NAME.*two stores are named 'prices'/)
  expect(() => draw(orders.pipe(other('rates', 'kept')), table('clients', { ...serdes, store: 'kept' }))).toThrow(
    /RIACHO_NAME.*two stores are named 'kept'/,
  )
})

it('refuses dead letters, and numbers that mean nothing', () => {
  expect(() => globalTable('prices', { ...serdes, onError: { deadLetter: 'dead' } as never })).toThrow(/RIACHO_OPTION.*dead letters/)
  expect(() => globalTable('prices', { ...serdes, maxFutureSkew: -1 })).toThrow('RIACHO_OPTION')
  expect(() => globalTable('prices', { ...serdes, historyRetention: -1 })).toThrow('RIACHO_OPTION')
  expect(() => globalTable('a b', serdes)).toThrow('RIACHO_NAME')
})
