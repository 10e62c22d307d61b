import {
  count,
  int64,
  json,
  type KStream,
  keyValueStore,
  optimize,
  process,
  processInto,
  processValues,
  repartition,
  text,
  topic,
  topology,
  windowStore,
} from '@riacho/streams'

interface Order {
  readonly client: string
  readonly cents: number
}
const orders = topic('orders', { key: text, value: json<Order>() })
const seen = keyValueStore('seen', { key: text, value: int64 })
const recent = windowStore('recent', { key: text, value: text, retention: 10 })

// ---- the key stays
const numbered: KStream<string, number> = orders.pipe(
  processValues(
    'numbered',
    context => {
      const rows = context.store(seen)
      const windows = context.store(recent)
      const cancel: () => void = context.schedule(10, 'wall', time => windows.fetch('a', time - 10, time), 5)
      return record => {
        cancel()
        context.forward({ ...record, value: (rows.get(record.key)?.value ?? 0) + record.value.cents })
      }
    },
    { stores: [seen, recent], value: int64 },
  ),
)
// ---- several outputs
const { large, cents } = processInto(
  orders,
  'by-size',
  ({ forward }) =>
    record => {
      if (record.value.cents > 100) forward(record, 'large')
      forward({ ...record, value: record.value.cents }, 'cents')
    },
  { outputs: { large: { key: text, value: json<Order>() }, cents: { key: text, value: int64 } } },
)
const typed: readonly [KStream<string, Order>, KStream<string, number>] = [large, cents]
/** Its store does not go by the key. */
const sampled = orders.pipe(process<string, Order, string, Order>('sampled', ({ forward }) => forward, { stores: [seen], keyed: false }))
export const passed = [sampled, numbered, ...typed, optimize(topology('app', numbered.pipe(count('n'))), 'self joins')]

// @ts-expect-error another key
orders.pipe(processValues('p', context => record => context.forward({ ...record, key: 1 })))
processInto(
  orders,
  'p',
  ({ forward }) =>
    record =>
      // @ts-expect-error a value of another type
      forward(record, 'cents'),
  { outputs: { cents: { key: text, value: int64 } } },
)
processInto(
  orders,
  'p',
  ({ forward }) =>
    record =>
      // @ts-expect-error an output that there is not
      forward(record, 'small'),
  { outputs: { large: { key: text, value: json<Order>() } } },
)
orders.pipe(
  process<string, Order, string, Order>('p', context => {
    // @ts-expect-error there are two clocks
    context.schedule(10, 'sun', () => {})
    // @ts-expect-error a store is a value, no name
    context.store('seen')
    return context.forward
  }),
)
// @ts-expect-error an output that nobody declared
export const small = processInto(orders, 'p', () => () => {}, { outputs: { large: {} } }).small
// @ts-expect-error a way that there is not
optimize(topology('app', orders), 'everything')
// @ts-expect-error merge is said with a boolean
orders.pipe(repartition('r', { merge: 'no' }))
// @ts-expect-error whether a store goes by the key is said with a boolean
orders.pipe(process<string, Order, string, Order>('p', ({ forward }) => forward, { keyed: 'no' }))
