import {
  aggregate,
  branch,
  type Change,
  compositeKey,
  count,
  type Delta,
  filter,
  filterTable,
  flatMap,
  int64,
  json,
  type KStream,
  type KTable,
  map,
  mapTable,
  mapValues,
  merge,
  minutes,
  persist,
  process,
  reduce,
  regroup,
  rekey,
  repartition,
  type Schema,
  type Sink,
  type Stream,
  type StreamRecord,
  selectKey,
  table,
  text,
  to,
  topic,
  toStream,
  triage,
  tumbling,
  updates,
  validate,
  type Windowed,
} from '@riacho/streams'
import { from, type Observable } from 'rxjs'
import { expectTypeOf } from 'vitest'

interface Card {
  readonly kind: 'card'
  readonly digits: string
}
interface Pix {
  readonly kind: 'pix'
  readonly key: string
}
type Payment = Card | Pix
const isCard = (payment: Payment): payment is Card => payment.kind === 'card'
const payments = topic('payments', { key: text, value: json<Payment>() })
const window = tumbling(minutes(1), { grace: 0 })

// ---- guards
expectTypeOf(payments.pipe(filter(isCard))).toEqualTypeOf<KStream<string, Card>>()
expectTypeOf(payments.pipe(filter(payment => payment.kind === 'card'))).toEqualTypeOf<KStream<string, Card>>()
expectTypeOf(payments.pipe(filter(payment => payment.kind.length > 3))).toEqualTypeOf<KStream<string, Payment>>()
const { cards, long, rest } = branch(payments, { cards: isCard, long: payment => payment.kind.length > 3 })
expectTypeOf(cards).toEqualTypeOf<KStream<string, Card>>()
expectTypeOf(long).toEqualTypeOf<KStream<string, Payment>>()
expectTypeOf(rest).toEqualTypeOf<KStream<string, Payment>>()
expectTypeOf(payments.pipe(triage(payment => payment.kind, { card: mapValues(() => 1), pix: mapValues(() => 'a') }))).toEqualTypeOf<
  Stream<StreamRecord<string, number> | StreamRecord<string, string>>
>()
expectTypeOf(topic('raw', { key: text, value: json<unknown>() }).pipe(validate({} as Schema<Card>, { onError: 'skip' }))).toEqualTypeOf<
  KStream<string, Card>
>()

// ---- nulls
expectTypeOf(topic('t', { key: text, value: int64 })).toEqualTypeOf<KStream<string, number>>()
expectTypeOf(topic(['t', 'u'], { key: text, value: int64, nulls: 'keep' })).toEqualTypeOf<KStream<string, number | null>>()
const counts = payments.pipe(count('counts'))
expectTypeOf(counts).toEqualTypeOf<KTable<string, number>>()
expectTypeOf(counts.pipe(toStream())).toEqualTypeOf<KStream<string, number | null>>()
expectTypeOf(counts.pipe(updates())).toEqualTypeOf<KStream<string, number>>()
// A sink of values takes a stream with nulls: they reach it as deletes. The stream keeps its type.
expectTypeOf(counts.pipe(toStream(), persist({} as Sink<string, number>))).toEqualTypeOf<KStream<string, number | null>>()
counts.pipe(toStream(), to('counts', { value: int64 }))
counts.pipe(toStream(), repartition('again', { key: text, value: int64 }))
counts.pipe(
  toStream(),
  rekey('by-size', n => String(n), { value: int64 }),
)
counts.pipe(
  toStream(),
  rekey('by-size', n => (n === null ? null : n % 2), { key: int64 }),
)

// ---- keys
const usageKey = compositeKey({ tenant: text, sku: int64 })
expectTypeOf(usageKey.decode(new Uint8Array())).toEqualTypeOf<{ tenant: string; sku: number }>()
expectTypeOf(payments.pipe(selectKey(payment => payment.kind))).toEqualTypeOf<KStream<'card' | 'pix', Payment>>()
expectTypeOf(payments.pipe(selectKey(payment => (payment.kind === 'card' ? payment.digits : null)))).toEqualTypeOf<
  KStream<string | null, Payment>
>()
expectTypeOf(payments.pipe(map(payment => [payment.kind.length, payment]))).toEqualTypeOf<KStream<number, Payment>>()
expectTypeOf(payments.pipe(flatMap(payment => [[payment.kind, 1] as const]))).toEqualTypeOf<KStream<'card' | 'pix', 1>>()
expectTypeOf(payments.pipe(count('counts', { window }))).toEqualTypeOf<KTable<Windowed<string>, number>>()
expectTypeOf(payments.pipe(reduce('last', (_a, b) => b, { window }))).toEqualTypeOf<KTable<Windowed<string>, Payment>>()
expectTypeOf(
  payments.pipe(
    aggregate(
      'n',
      () => 0,
      (_payment, n) => n + 1,
      { window, value: int64 },
    ),
  ),
).toEqualTypeOf<KTable<Windowed<string>, number>>()
expectTypeOf(
  payments.pipe(
    aggregate(
      'n',
      () => 0,
      (_payment, n) => n + 1,
    ),
  ),
).toEqualTypeOf<KTable<string, number>>()
expectTypeOf(payments.pipe(reduce('last', (_a, b) => b))).toEqualTypeOf<KTable<string, Payment>>()

// ---- tables
const clients = table('clients', { key: text, value: json<{ city: string; orders: number }>() })
expectTypeOf(clients.pipe(filterTable(client => client.orders > 0))).toEqualTypeOf<KTable<string, { city: string; orders: number }>>()
expectTypeOf(clients.pipe(mapTable(client => client.orders))).toEqualTypeOf<KTable<string, number>>()
const perCity = clients.pipe(regroup('by-city', client => [client.city, client.orders], { key: text, value: int64 }))
expectTypeOf(perCity).toEqualTypeOf<Stream<Delta<string, number>>>()
expectTypeOf(perCity.pipe(count('c'))).toEqualTypeOf<KTable<string, number>>()
expectTypeOf(perCity.pipe(reduce('sum', (sum, n) => sum + n, { subtract: (sum, n) => sum - n }))).toEqualTypeOf<KTable<string, number>>()
expectTypeOf(
  perCity.pipe(
    aggregate(
      'sum',
      () => '',
      (n, sum) => sum + n,
      { subtract: (_n, sum) => sum },
    ),
  ),
).toEqualTypeOf<KTable<string, string>>()

// ---- the other life
const plain = from<StreamRecord<string, Payment>[]>([])
expectTypeOf(
  plain.pipe(
    filter(isCard),
    mapValues(card => card.digits),
  ),
).toEqualTypeOf<Observable<StreamRecord<string, string>>>()
expectTypeOf(plain.pipe(count('c'))).toEqualTypeOf<Observable<Change<string, number>>>()
expectTypeOf(merge(plain, plain)).toEqualTypeOf<Observable<StreamRecord<string, Payment>>>()
expectTypeOf(merge(payments, payments)).toEqualTypeOf<KStream<string, Payment>>()
const halves = process<string, number, string, number>(
  'halve',
  context => record => context.forward({ ...record, value: record.value / 2 }),
)
expectTypeOf(topic('n', { key: text, value: int64 }).pipe(halves)).toEqualTypeOf<KStream<string, number>>()

/** A user's operator is an ordinary function. */
export const digits = () => (stream: Observable<StreamRecord<string, Payment>>) =>
  stream.pipe(
    filter(isCard),
    mapValues(card => card.digits),
  )
payments.pipe(digits(), to('digits'))
