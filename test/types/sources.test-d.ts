import {
  bytes,
  type DeadLetter,
  deadLetters,
  type Headers,
  int64,
  json,
  type KStream,
  type KTable,
  merge,
  type OnError,
  type Source,
  type SourceReader,
  type SourceRecord,
  source,
  table,
  text,
  topic,
} from '@riacho/streams'
import { expectTypeOf } from 'vitest'

interface Order {
  readonly client: string
  readonly at: number
}
const serdes = { key: text, value: json<Order>() }

// ---- topics
const timed: KStream<string, Order> = topic('orders', {
  ...serdes,
  timestamp: (order, record, partitionTime) => order.at || Math.max(record.timestamp, partitionTime),
  invalidTimestamp: 'partitionTime',
  maxFutureSkew: 60_000,
  onError: { deadLetter: 'orders-invalid' },
})
const several: KStream<string, Order | null> = topic(['orders', 'more-orders'], { ...serdes, nulls: 'keep' })
const policies: readonly OnError[] = ['fail', 'skip', { deadLetter: 'dead' }]

// @ts-expect-error a topic has serdes
topic('orders')
// @ts-expect-error of its keys, too
topic('orders', { value: json<Order>() })
// @ts-expect-error a time is a number
topic('orders', { ...serdes, timestamp: order => order.client })
// @ts-expect-error unknown field of the value
topic('orders', { ...serdes, timestamp: order => order.nope })
// @ts-expect-error no such way with invalid times
topic('orders', { ...serdes, invalidTimestamp: 'now' })
// @ts-expect-error milliseconds are a number
topic('orders', { ...serdes, maxFutureSkew: '1m' })
// @ts-expect-error nulls are kept or dropped
topic('orders', { ...serdes, nulls: 'skip' })
// @ts-expect-error a stream keeps no rows
topic('orders', { ...serdes, store: 'orders' })

// ---- tables
const kept: KTable<string, Order> = table('clients', { ...serdes, store: 'kept', headers: true, cache: { recordsMax: 10 } })
const past: KTable<string, Order> = table('clients', { ...serdes, historyRetention: 60_000, invalidTimestamp: 'skip' })
// @ts-expect-error a null is a deletion
table('clients', { ...serdes, nulls: 'keep' })
// @ts-expect-error a table reads one topic
table(['clients', 'more'], serdes)
// @ts-expect-error the rows are orders
table('clients', serdes) satisfies KTable<string, number>
// @ts-expect-error a history is milliseconds
table('clients', { ...serdes, historyRetention: true })

// ---- connectors
const reader: SourceReader = {
  read: async (recordsMax, signal): Promise<readonly SourceRecord[]> => (signal.aborted || recordsMax === 0 ? [] : [line]),
  commit: async () => {},
  lag: async () => 0,
  close: async () => {},
}
const headers: Headers = [['file', Buffer.from('a')]]
const line: SourceRecord = { key: null, value: Buffer.from('{}'), timestamp: 0, headers, offset: 1, position: Buffer.from('1') }
const lines: Source<string, Order> = {
  name: 'lines',
  positions: 'replayable',
  keyed: false,
  ...serdes,
  partitions: async () => ['a'],
  open: () => reader,
}
const read: KStream<string, Order> = source(lines, { onError: 'skip', timestamp: order => order.at })
// @ts-expect-error a connector says the serdes
source(lines, { key: text })
// @ts-expect-error a topic is no connector
source('lines')
// @ts-expect-error records without a value are dropped
source(lines, { nulls: 'keep' })
// @ts-expect-error positions are kept by us or by the system
export const guessed: Source<string, Order> = { ...lines, positions: 'committed' }

// ---- dead letters
const letters = deadLetters('orders-invalid')
expectTypeOf(letters).toEqualTypeOf<KStream<Uint8Array | null, DeadLetter>>()
declare const letter: DeadLetter
const original: Uint8Array | null = letter.original.value
// @ts-expect-error what was put aside is bytes
letter.original.value satisfies Order
// @ts-expect-error dead letters have their serdes
deadLetters('orders-invalid', serdes)

// ---- merged streams
const both: KStream<string, Order> = merge(timed, read)
const numbered = topic('numbered', { key: int64, value: json<Order>() })
const raw: KStream<Uint8Array, Uint8Array> = topic('raw', { key: bytes, value: bytes })
// @ts-expect-error keys of another type
merge(timed, numbered)
// @ts-expect-error values that may be null
merge(timed, several) satisfies KStream<string, Order>

export const passed = [several, policies, kept, past, original, both, raw]
