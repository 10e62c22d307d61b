import { filter, json, text, to, topic, topology } from '@riacho/streams'

interface Order {
  readonly cents: number
}

/** What the tests of the command run: large orders are copied, what is no JSON is put aside. */
export default topology(
  'orders-app',
  topic('orders', { key: text, value: json<Order>(), onError: { deadLetter: 'orders-invalid' } }).pipe(
    filter(order => order.cents > 100),
    to('orders-large'),
  ),
)
