import {
  join,
  json,
  type KStream,
  type KTable,
  leftJoin,
  rekey,
  table,
  text,
  topic,
  toTable,
  type VersionedStore,
  versionedStore,
} from '@riacho/streams'

interface Order {
  readonly client: string
  readonly cents: number
}
const orders = topic('orders', { key: text, value: json<Order>() })
const nullable = topic('orders', { key: text, value: json<Order>(), nulls: 'keep' })
const prices: KTable<string, number> = table('prices', { key: text, value: json<number>(), historyRetention: 60_000 })
const made: KTable<string, Order> = orders.pipe(
  rekey('by-client', order => order.client),
  toTable({ store: 'last-orders', historyRetention: 60_000 }),
)

const waited: KStream<string, number> = orders.pipe(join(prices, (order, price) => order.cents * price, { grace: 10, name: 'priced' }))
const perhaps: KStream<string, number | null> = nullable.pipe(
  leftJoin(prices, (order, price) => price && order.cents, { grace: 10, name: 'priced', key: text, value: json<Order>(), onError: 'skip' }),
)
declare const store: VersionedStore<string, number>
const found: number | undefined = store.asOf('k', 5)?.value
const put: 'latest' | 'older' | 'expired' = store.put('k', null, 5)
export const passed = [made, waited, perhaps, found, put, versionedStore('v', { key: text, value: text, historyRetention: 5 })]

// @ts-expect-error what waits needs a name
orders.pipe(join(prices, (order, price) => order.cents * price, { grace: 10 }))
// @ts-expect-error a name is for what waits
orders.pipe(join(prices, (order, price) => order.cents * price, { name: 'priced' }))
// @ts-expect-error the serde of other values
orders.pipe(join(prices, (order, price) => order.cents * price, { grace: 10, name: 'priced', value: json<number>() }))
// @ts-expect-error a left join may find no row, waiting or not
orders.pipe(leftJoin(prices, (order, price) => order.cents * price, { grace: 10, name: 'priced' }))
// @ts-expect-error a history is kept in a named store
orders.pipe(toTable({ historyRetention: 60_000 }))
// @ts-expect-error a store without a history
versionedStore('v', { key: text, value: text })
// @ts-expect-error a put has a time
store.put('k', 1)
// @ts-expect-error other keys
store.asOf(1, 5)
