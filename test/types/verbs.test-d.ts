import {
  bufferCount,
  bufferTime,
  type DistinctOptions,
  debounceTime,
  distinct,
  int64,
  json,
  type KStream,
  type KTable,
  pairwise,
  type ScanOptions,
  scan,
  table,
  text,
  throttleTime,
  topic,
} from '@riacho/streams'

interface Order {
  readonly client: string
  readonly cents: number
}
const orders = topic('orders', { key: text, value: json<Order>() })
const kept = topic('orders', { key: text, value: json<Order>(), nulls: 'keep' })

const totals: KStream<string, number> = orders.pipe(scan('s', (sum, order) => sum + order.cents, 0))
const dropped: KStream<string, number> = kept.pipe(scan('s', (sum, order) => sum + order.cents, 0))
const pairs: KStream<string, readonly [Order, Order]> = kept.pipe(pairwise('p'))
const firsts: KStream<string, Order> = orders.pipe(distinct('d', order => order.client, { within: 1 }))
const slow: KStream<string, Order> = orders.pipe(throttleTime('t', 1))
const last: KStream<string, Order> = kept.pipe(debounceTime('d', 1))
const tens: KStream<string, readonly Order[]> = kept.pipe(bufferCount('b', 10))
const minutes: KStream<string, readonly Order[]> = orders.pipe(bufferTime('b', 1))

const options: ScanOptions<number> = { value: int64, onError: { deadLetter: 'dead' } }
const stored: KStream<string, number> = orders.pipe(scan('s', (sum, order) => sum + order.cents, 0, options))
const shortly: DistinctOptions = { within: 1, onError: 'skip' }
const once: KStream<string, Order> = orders.pipe(distinct('d', (order, { key }) => key + order.client, shortly))
const clients: KTable<string, Order> = table('clients', { key: text, value: json<Order>() })

// @ts-expect-error an order has no price
orders.pipe(scan('s', (sum, order) => sum + order.price, 0))
// @ts-expect-error the sum is a number, not a text
orders.pipe(scan('s', (sum: string, order) => sum + order.client, 0))
// @ts-expect-error how long is always said
orders.pipe(distinct('d', order => order.client))
// @ts-expect-error identity is a text
orders.pipe(distinct('d', order => order.cents, { within: 1 }))
// @ts-expect-error the serde of another type
orders.pipe(scan('s', (sum, order) => sum + order.cents, 0, { value: text }))
// @ts-expect-error the seed is said
orders.pipe(scan('s', (sum: number, order) => sum + order.cents))
// @ts-expect-error a pair is not an order
orders.pipe(pairwise('p')) satisfies KStream<string, Order>
// @ts-expect-error a name is required
orders.pipe(pairwise())
// @ts-expect-error milliseconds are a number
orders.pipe(debounceTime('d', '1s'))
// @ts-expect-error how long is always said
orders.pipe(throttleTime('t'))
// @ts-expect-error lists of orders
orders.pipe(bufferCount('b', 10)) satisfies KStream<string, readonly string[]>
// @ts-expect-error a list is not written to
orders.pipe(bufferTime('b', 1)) satisfies KStream<string, Order[]>
// @ts-expect-error a table is no stream
clients.pipe(throttleTime('t', 1))
// @ts-expect-error what may be null is not handed on as if it could not be
const wrong: KStream<string, Order> = kept.pipe(throttleTime('t', 1))

export const drawn = [stored, once, totals, dropped, pairs, firsts, slow, last, tens, minutes, wrong]
