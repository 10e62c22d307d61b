import {
  compositeKey,
  count,
  filter,
  flatMapValues,
  json,
  mapValues,
  minutes,
  persist,
  rekey,
  type Schema,
  type Sink,
  text,
  to,
  topic,
  topology,
  toStream,
  triage,
  tumbling,
  updates,
  validate,
  withTimestamp,
} from '@riacho/streams'

interface Order {
  readonly id: string
  readonly client: 'A' | 'B' | 'C' | 'D'
  readonly cents: number
  readonly at: string
}
declare const schema: Schema<Order>
declare const orders: Sink<string, Order>
declare const counts: Sink<unknown, number>

const window = tumbling(minutes(1), { grace: minutes(5) })
const valid = topic('orders', { key: text, value: json<unknown>() }).pipe(
  validate(schema, { onError: { deadLetter: 'invalid' } }),
  withTimestamp(order => Date.parse(order.at)),
  filter(order => order.cents > 0),
)
const routed = valid.pipe(
  rekey('by-client', order => order.client),
  persist(orders, { retry: { retriesMax: 5 }, onError: { deadLetter: 'dead' } }),
  triage(order => order.client, { A: persist(orders), B: to('b'), C: mapValues(order => order.cents), D: to('d') }),
)
const perMinute = valid.pipe(
  rekey('by-client-and-size', order => ({ client: order.client as string, size: String(order.cents).length.toString() }), {
    key: compositeKey({ client: text, size: text }),
  }),
  count('per-minute', { window }),
  toStream(),
  persist(counts),
)
const words = valid.pipe(
  flatMapValues(order => order.id.split('-')),
  mapValues(word => word.length),
  rekey('by-length', length => String(length)),
  count('words'),
  updates(),
  to('words'),
)

/** What a service of middling size writes: its types must stay cheap to check. */
export const app = topology('orders', routed, perMinute, words)
