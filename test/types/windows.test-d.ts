import {
  type AlignedWindows,
  aggregate,
  type Change,
  count,
  days,
  hopping,
  hours,
  json,
  type KStream,
  type KTable,
  minutes,
  reduce,
  regroup,
  type SlidingWindows,
  seconds,
  sliding,
  table,
  text,
  topic,
  toStream,
  tumbling,
  updates,
  type Windowed,
  type WindowOptions,
  type WindowStore,
  type Windows,
  windowStoreByKey,
} from '@riacho/streams'

interface Order {
  readonly client: string
  readonly cents: number
}
const orders = topic('orders', { key: text, value: json<Order>() })
const nullable = topic('orders', { key: text, value: json<Order>(), nulls: 'keep' })
const recent = sliding(minutes(5), { grace: minutes(1), retention: minutes(30) })
const zero = () => 0
const total = (order: Order, sum: number) => sum + order.cents
const both = (a: number, b: number) => a + b
const perMinute = tumbling(minutes(1), { grace: 0 })
const perCity = table('clients', { key: text, value: json<{ city: string }>() }).pipe(
  regroup('g', client => [client.city, 1], { key: text, value: json<number>() }),
)

// What sliding windows give.
orders.pipe(count('n', { window: recent })) satisfies KTable<Windowed<string>, number>
orders.pipe(reduce('r', (a, b) => (b.cents > a.cents ? b : a), { window: recent })) satisfies KTable<Windowed<string>, Order>
orders.pipe(
  aggregate(
    's',
    () => 0,
    (order, sum) => sum + order.cents,
    { window: recent },
  ),
) satisfies KTable<Windowed<string>, number>
orders.pipe(count('n', { window: recent }), updates()) satisfies KStream<Windowed<string>, number>
nullable.pipe(count('n', { window: recent })) satisfies KTable<Windowed<string>, number>

// Final results are changes of a table like others.
orders.pipe(count('n', { window: recent, emit: 'onClose' })) satisfies KTable<Windowed<string>, number>
orders.pipe(count('n', { window: perMinute, emit: 'onClose', emitEvery: 0 }), toStream()) satisfies KStream<Windowed<string>, number | null>
orders.pipe(reduce('r', a => a, { window: perMinute, emit: 'onUpdate' })) satisfies KTable<Windowed<string>, Order>

// Windows at fixed times.
const kept: WindowOptions = { grace: seconds(30), retention: days(1) }
tumbling(hours(1), kept) satisfies AlignedWindows
recent satisfies SlidingWindows
const shapes: readonly Windows[] = [perMinute, recent, hopping(hours(1), { ...kept, advance: minutes(5) })]
orders.pipe(count('n', { window: hopping(60, { advance: 10, grace: 0 }) })) satisfies KTable<Windowed<string>, number>
// @ts-expect-error how far apart they start is always said
hopping(hours(1), kept)
// @ts-expect-error tumbling windows start one behind the other
tumbling(hours(1), { ...kept, advance: 1 })
// @ts-expect-error milliseconds are a number
tumbling('1h', kept)
// @ts-expect-error
minutes('1')
// @ts-expect-error a shape is a value, not its options
orders.pipe(count('n', { window: kept }))
// @ts-expect-error windows are frozen
shapes[0].grace = 1

// Grace is always said.
// @ts-expect-error
sliding(minutes(5), {})
// @ts-expect-error
sliding(minutes(5))
// @ts-expect-error
sliding({ difference: minutes(5), grace: 0 })

// Nothing closes without a window.
// @ts-expect-error
orders.pipe(count('n', { emit: 'onClose' }))
// @ts-expect-error
orders.pipe(reduce('r', (a: Order) => a, { emit: 'onClose' }))
// @ts-expect-error
orders.pipe(aggregate('s', zero, total, { emit: 'onClose' }))
// @ts-expect-error
orders.pipe(count('n', { window: perMinute, emit: 'final' }))
// @ts-expect-error
orders.pipe(count('n', { window: perMinute, emit: 'onClose', emitEvery: '1s' }))
// A table that was regrouped has no times to cut into windows.
// @ts-expect-error
perCity.pipe(count('n', { window: recent }))

// Only sessions are merged.
// @ts-expect-error
orders.pipe(aggregate('s', zero, total, { window: recent, merge: both }))

// Reads of a window store.
declare const store: WindowStore<string, Order>
for (const [start, { value, timestamp }] of store.fetch('k', 0, 10)) [start, value.cents, timestamp] satisfies [number, number, number]
for (const [start] of store.backwardFetch('k', 0, 10)) start satisfies number
for (const [key, start, row] of store.fetchAll(0, 10)) [key, start, row.value.client] satisfies [string, number, string]
for (const [key] of store.backwardFetchAll(0, 10)) key satisfies string
windowStoreByKey('seen', { key: text, value: json<Order>(), retention: minutes(5) }) satisfies { readonly name: string }
// @ts-expect-error
windowStoreByKey('seen', { key: text, value: json<Order>() })
// @ts-expect-error
store.fetch(1, 0, 10)
// @ts-expect-error
store.fetch('k', 0)

// A windowed change is no plain one.
declare const change: Change<Windowed<string>, number>
// @ts-expect-error
change.key satisfies string
