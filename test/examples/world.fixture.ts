import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { sqlite as sqliteSink } from '@riacho/sqlite'
import { globalTable, json, type KStream, type KTable, type Schema, type Sink, table, text, topic } from '@riacho/streams'

export { file } from '@riacho/file'
export { map as rxMap } from 'rxjs'

/** What the examples of the docstrings are about. */
export interface Order {
  readonly id: string
  readonly client: string
  readonly cents: number
  readonly test: boolean
  readonly item: string
}
/** A row of the table `clients`. */
export interface Client {
  readonly name: string
  readonly city: string
  readonly active: boolean
}
/** What the example of the time in a value is about. */
export interface Event {
  readonly client: 'Client_A' | 'Client_B'
  readonly created_at: string
}

/** Orders by their id. */
export const orders: KStream<string, Order> = topic('orders', { key: text, value: json<Order>() })
/** Payments by the id of their order. */
export const payments: KStream<string, Order> = topic('payments', { key: text, value: json<Order>() })
/** Orders from the web. */
export const web: KStream<string, Order> = topic('web', { key: text, value: json<Order>() })
/** Orders from shops. */
export const shops: KStream<string, Order> = topic('shops', { key: text, value: json<Order>() })
/** Anything. */
export const raw: KStream<string, unknown> = topic('raw', { key: text, value: json<unknown>() })
/** Lines of text. */
export const lines: KStream<string, string> = topic('lines', { key: text, value: text })
/** Pages by visitor. */
export const visits: KStream<string, string> = topic('visits', { key: text, value: text })
/** Events by anything. */
export const events: KStream<string, Event> = topic('events', { key: text, value: json<Event>() })
/** Clients by their id. */
export const clients: KTable<string, Client> = table('clients', { key: text, value: json<Client>() })
/** Cities by their name. */
export const cities: KTable<string, { readonly country: string }> = table('cities', {
  key: text,
  value: json<{ readonly country: string }>(),
})
/** Prices by item. */
export const prices = globalTable('prices', { key: text, value: json<{ readonly cents: number }>() })
/** A schema that takes everything. */
export const orderSchema: Schema<Order> = { '~standard': { validate: order => ({ value: order as Order }) } }
/** Where the price of an order is asked for. */
export const priceOf = (order: Order): string => `data:application/json,${order.cents}`
/** Columns of a table of orders. */
export const columns = { id: 'TEXT', client: 'TEXT', cents: 'INTEGER' } as const

const queue = (name: string): Sink<string, Event> => ({ name, idempotent: true, write: async () => {} })
/** Where events of the one client go. */
export const queueA: Sink<string, Event> = queue('queueA')
/** Where events of the other client go. */
export const queueB: Sink<string, Event> = queue('queueB')

/** The connector, with its file out of the way. */
export const sqlite: typeof sqliteSink = options =>
  sqliteSink({ ...options, path: joinPath(mkdtempSync(joinPath(tmpdir(), 'riacho-')), options.path) })

const order = (id: string, client: string, cents: number): Order => ({ id, client, cents, test: false, item: 'tea' })
/** What comes of each topic: keys and values. */
export const samples: Readonly<Record<string, readonly (readonly [string, unknown])[]>> = {
  // Keyed by their client, so that they meet what is told of it.
  orders: Array.from({ length: 12 }, (_, i) => (i === 11 ? 'b' : 'a')).map((client, i) => [client, order(`o${i}`, client, 100_000 + i)]),
  payments: ['o1', 'a'].map(key => [key, order('o1', 'a', 5)]),
  web: [['w', order('w', 'a', 1)]],
  shops: [['s', order('s', 'b', 1)]],
  raw: [['r', order('r', 'a', 1)]],
  lines: [['l', 'two words']],
  visits: [['v', '/index']],
  events: [['e', { client: 'Client_A', created_at: '2026-01-01T00:00:00Z' }]],
  clients: [['a', { name: 'Ann', city: 'Rio', active: true }]],
  cities: ['a', 'Rio'].map(key => [key, { country: 'BR' }]),
  prices: ['tea', 'a'].map(key => [key, { cents: 3 }]),
}
