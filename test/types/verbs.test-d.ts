import {
  bufferCount,
  bufferTime,
  debounceTime,
  distinct,
  json,
  type KStream,
  pairwise,
  scan,
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

// @ts-expect-error an order has no price
orders.pipe(scan('s', (sum, order) => sum + order.price, 0))
// @ts-expect-error the sum is a number, not a text
orders.pipe(scan('s', (sum: string, order) => sum + order.client, 0))
// @ts-expect-error how long is always said
orders.pipe(distinct('d', order => order.client))
// @ts-expect-error identity is a text
orders.pipe(distinct('d', order => order.cents, { within: 1 }))
// @ts-expect-error what may be null is not handed on as if it could not be
const wrong: KStream<string, Order> = kept.pipe(throttleTime('t', 1))

export const drawn = [totals, dropped, pairs, firsts, slow, last, tens, minutes, wrong]
