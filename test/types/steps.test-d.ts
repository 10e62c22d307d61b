import {
  type AsyncOptions,
  filter,
  filterNot,
  flatMap,
  flatMapValues,
  int32,
  int64,
  json,
  type KStream,
  map,
  mapAsync,
  mapValues,
  merge,
  persist,
  type Retry,
  type RetryTopics,
  type Sink,
  SinkError,
  type StreamRecord,
  tap,
  text,
  to,
  topic,
  triage,
} from '@riacho/streams'
import { from, type Observable } from 'rxjs'

interface Order {
  readonly client: string
  readonly cents: number
  readonly kind: 'shop' | 'web'
}
const orders = topic('orders', { key: text, value: json<Order>() })
const nullable = topic('orders', { key: text, value: json<Order>(), nulls: 'keep' })
const plain: Observable<StreamRecord<string, Order>> = from([])

// ---- what is kept, seen and made
const small: KStream<string, Order> = orders.pipe(filterNot(order => order.cents > 100))
const present: KStream<string, Order> = nullable.pipe(filter(order => order !== null))
const seen: KStream<string, Order> = orders.pipe(tap((order, { headers }) => [order.client, headers.length], { onError: 'skip' }))
const byClient: KStream<string, number> = orders.pipe(map(order => [order.client, order.cents], { key: text, value: int64 }))
const words: KStream<string, 1> = orders.pipe(flatMap(order => order.client.split(' ').map(word => [word, 1] as const)))
const letters: KStream<string, string> = orders.pipe(flatMapValues(order => order.client.split('')))
const ofSet: KStream<string, number> = orders.pipe(flatMapValues(order => new Set([order.cents])))
const outside: Observable<StreamRecord<string, number>> = plain.pipe(
  filterNot(order => order.cents > 100),
  map(order => [order.client, order.cents] as const),
)
const all: KStream<string, Order> = merge(small, seen)

// @ts-expect-error unknown field of the value
orders.pipe(filterNot(order => order.nope))
// @ts-expect-error a predicate answers yes or no
orders.pipe(filterNot(order => order.client))
// @ts-expect-error it answers at once
orders.pipe(filter(async order => order.cents > 1))
// @ts-expect-error a kept null is null
nullable.pipe(tap(order => order.client))
// @ts-expect-error a key and a value
orders.pipe(map(order => order.client))
// @ts-expect-error the serde of another key
orders.pipe(map(order => [order.client, 1], { key: int32 }))
// @ts-expect-error the serde of another value
orders.pipe(map(order => [order.client, order.client], { value: int64 }))
// @ts-expect-error pairs of keys and values
orders.pipe(flatMap(order => [order.client, order.cents]))
// @ts-expect-error the serde of another key
orders.pipe(flatMap(order => [[order.client, 1] as const], { key: int64 }))
// @ts-expect-error no such policy
orders.pipe(mapValues(order => order.cents, { onError: { deadLetters: 'dead' } }))
// @ts-expect-error a serde is said where the value is written
orders.pipe(mapValues(order => order.cents, { value: int64 }))

// ---- asynchronous work
const retry: Retry = { retriesMax: 5, backoff: { min: 1, max: 10 } }
const limits = { retry, onError: { deadLetter: 'dead' }, order: 'key', inFlightMax: 4, heldMax: 100, timeout: 1000 } satisfies AsyncOptions
const sink: Sink<string, Order> = {
  name: 'orders',
  idempotent: true,
  write: async batch => {
    if (batch.length > 10) throw new SinkError('poison', 'no', { indexes: [0] })
  },
}
const priced: KStream<string, { readonly price: number }> = orders.pipe(
  mapAsync(async (order, record, signal) => ({ price: signal.aborted ? record.timestamp : order.cents }), limits),
)
const written: KStream<string, Order> = orders.pipe(persist(sink, { ...limits, batch: { recordsMax: 10, wait: 5 } }))
const deleted: KStream<string, Order | null> = nullable.pipe(persist(sink))

// @ts-expect-error what it makes is a promise
orders.pipe(mapAsync(order => order.cents))
// @ts-expect-error the result is what the promise holds
orders.pipe(mapAsync(async order => order.cents)) satisfies KStream<string, Promise<number>>
// @ts-expect-error how often is said
orders.pipe(mapAsync(async order => order, { retry: {} }))
const topics: RetryTopics = { name: 'later', delays: [10_000, 60_000] }
const delayed: KStream<string, Order> = orders.pipe(persist(sink, { retry: { retriesMax: 5, topics }, onError: { deadLetter: 'dead' } }))
// @ts-expect-error what names a topic has a name
orders.pipe(mapAsync(async order => order, { retry: { retriesMax: 5, topics: { delays: [10] } } }))
// @ts-expect-error delays are numbers of milliseconds
orders.pipe(mapAsync(async order => order, { retry: { retriesMax: 5, topics: { name: 'later', delays: ['10s'] } } }))
// @ts-expect-error how often is said with them, too
orders.pipe(persist(sink, { retry: { topics } }))
// @ts-expect-error both bounds of a batch are said
orders.pipe(persist(sink, { batch: { recordsMax: 10 } }))
// @ts-expect-error a sink is no function
orders.pipe(persist(async () => {}))
// @ts-expect-error a failure that there is not
new SinkError('fatal', 'no')
// @ts-expect-error a sink says whether it is idempotent
export const unsaid: Sink<string, Order> = { name: 'orders', write: async () => {} }

// ---- routes
const routed: KStream<string, Order> = orders.pipe(
  triage(order => order.kind, { shop: filter(order => order.cents > 1), web: tap(() => {}) }, { onError: 'skip' }),
)
const otherwise = orders.pipe(triage((order): string => order.client, { otherwise: to('others') }))
// @ts-expect-error a route is an operator
orders.pipe(triage(order => order.kind, { shop: 'shop', web: to('web') }))
// @ts-expect-error a route is named by a text
orders.pipe(triage(order => order.cents, { 1: to('one') }))

export const passed = [present, byClient, words, letters, ofSet, outside, all, priced, written, delayed, deleted, routed, otherwise]
