import {
  compositeKey,
  count,
  float64,
  int32,
  int64,
  json,
  type KeyValueStore,
  keyValueStore,
  list,
  type ProcessContext,
  process,
  type Row,
  type Serde,
  sessionKey,
  text,
  to,
  topic,
  toStream,
  type Windowed,
  type WindowStore,
  windowedKey,
  windowStore,
} from '@riacho/streams'
import { expectTypeOf } from 'vitest'

interface Order {
  readonly client: string
  readonly cents: number
}
const orders = topic('orders', { key: text, value: json<Order>() })
const serdes = { key: text, value: int64 }

// ---- key-value stores
const last = keyValueStore('last', serdes)
const bounded = keyValueStore('bounded', { ...serdes, recordsMax: 1000, headers: true })
const living = keyValueStore('living', { ...serdes, ttl: 60_000, logged: false })
const windows = windowStore('windows', { ...serdes, retention: 60_000 })

orders.pipe(
  process(
    'p',
    (context: ProcessContext<string, number>) => {
      const store = context.store(last)
      expectTypeOf(store).toExtend<KeyValueStore<string, number>>()
      expectTypeOf(context.store(windows)).toExtend<WindowStore<string, number>>()
      return (record: { readonly key: string; readonly timestamp: number }) => {
        expectTypeOf(store.get(record.key)).toEqualTypeOf<Row<number> | undefined>()
        for (const [key, { value, headers }] of store.range('a', null)) [key, value, headers?.length] satisfies [string, number, unknown]
        for (const [key] of store.reverseRange(null, 'z')) key satisfies string
        for (const [, row] of store.prefix(Buffer.from('a'))) row.timestamp satisfies number
        store.put(record.key, null, record.timestamp, [['trace', null]])
        // @ts-expect-error values of another type
        store.put(record.key, 'one', record.timestamp)
        // @ts-expect-error a put has a time
        store.put(record.key, 1)
        // @ts-expect-error keys of another type
        store.get(1)
        // @ts-expect-error a prefix is bytes
        store.prefix('a')
        // @ts-expect-error a row that is not there is undefined
        store.get(record.key).value
      }
    },
    { stores: [last, bounded, living, windows] },
  ),
)
// @ts-expect-error a store has a name
keyValueStore(serdes)
// @ts-expect-error and serdes
keyValueStore('last')
// @ts-expect-error a time to live is milliseconds
keyValueStore('last', { ...serdes, ttl: '1m' })
// @ts-expect-error a window store says how long it shows rows
windowStore('windows', serdes)
// @ts-expect-error a processor names stores, not their names
orders.pipe(process('p', () => () => {}, { stores: ['last'] }))

// ---- serdes
expectTypeOf(list(text)).toEqualTypeOf<Serde<readonly string[]>>()
expectTypeOf(compositeKey({ client: text, day: int32, price: float64 })).toEqualTypeOf<
  Serde<{ client: string; day: number; price: number }>
>()
expectTypeOf(windowedKey(text, 60_000)).toExtend<Serde<Windowed<string>>>()
orders.pipe(count('n'), toStream(), to('out', { value: int64 }))
// @ts-expect-error a field without a serde
compositeKey({ client: 'text' })
// @ts-expect-error a list of something
list()
// @ts-expect-error the size is not in the bytes
windowedKey(text)
// @ts-expect-error an inner key of another type
windowedKey(int64, 60_000) satisfies Serde<Windowed<string>>
// @ts-expect-error an inner key of another type
sessionKey(int64) satisfies Serde<Windowed<string>>
// @ts-expect-error numbers are no texts
int32.encode('1')
// @ts-expect-error a serde goes both ways
export const oneWay: Serde<string> = { encode: text.encode }
