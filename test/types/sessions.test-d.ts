import {
  type AlignedWindows,
  aggregate,
  type Change,
  cogroup,
  count,
  int64,
  json,
  type KStream,
  type KTable,
  minutes,
  process,
  type Serde,
  type SessionRow,
  type SessionStore,
  type SessionWindows,
  type StreamRecord,
  session,
  sessionKey,
  sessionStore,
  text,
  to,
  topic,
  toStream,
  tumbling,
  type Windowed,
} from '@riacho/streams'
import { from, type Observable } from 'rxjs'
import { expectTypeOf } from 'vitest'

interface Order {
  readonly cents: number
}
interface Click {
  readonly page: string
}
interface Seen {
  readonly cents: number
  readonly pages: readonly string[]
}
const orders = topic('orders', { key: text, value: json<Order>() })
const clicks = topic('clicks', { key: text, value: json<Click>() })
const kept = topic('kept', { key: text, value: json<Click>(), nulls: 'keep' })
const numbered = topic('numbered', { key: int64, value: json<Click>() })
const perMinute = tumbling(minutes(1), { grace: 0 })
const visit = session(minutes(30), { grace: 0 })
const nothing = (): Seen => ({ cents: 0, pages: [] })
const bought = (order: Order, seen: Seen): Seen => ({ ...seen, cents: seen.cents + order.cents })
const joined = (earlier: Seen, later: Seen): Seen => ({ cents: earlier.cents + later.cents, pages: [...earlier.pages, ...later.pages] })

// ---- sessions
expectTypeOf(visit).toEqualTypeOf<SessionWindows>()
expectTypeOf(orders.pipe(count('n', { window: visit }))).toEqualTypeOf<KTable<Windowed<string>, number>>()
expectTypeOf(sessionKey(int64)).toExtend<Serde<Windowed<number>>>()
orders.pipe(count('n', { window: visit }), toStream(), to('out', { key: sessionKey(text) }))
expectTypeOf(
  orders.pipe(
    aggregate('s', nothing, bought, {
      window: visit,
      merge: (earlier, later, key) => {
        expectTypeOf(earlier).toEqualTypeOf<Seen>()
        expectTypeOf(key).toEqualTypeOf<string>()
        return joined(earlier, later)
      },
    }),
  ),
).toEqualTypeOf<KTable<Windowed<string>, Seen>>()
// @ts-expect-error sessions become one by merge
orders.pipe(aggregate('s', nothing, bought, { window: visit }))
// @ts-expect-error only sessions become one
orders.pipe(aggregate('s', nothing, bought, { window: perMinute, merge: joined }))
// @ts-expect-error merge makes a result
orders.pipe(aggregate('s', nothing, bought, { window: visit, merge: () => 'x' }))
// @ts-expect-error grace is always said
session(minutes(1))
// @ts-expect-error a session's key holds both ends, not a size
orders.pipe(count('n', { window: visit }), toStream(), to('out', { key: text }))

// ---- their store
const visits = sessionStore('visits', { key: text, value: int64, retention: minutes(60) })
orders.pipe(
  process(
    'p',
    context => {
      const store = context.store(visits)
      expectTypeOf(store).toEqualTypeOf<SessionStore<string, number>>()
      return ({ key, timestamp }) => {
        expectTypeOf(store.findSessions(key, 0, timestamp)).toEqualTypeOf<readonly SessionRow<number>[]>()
        store.put(key, timestamp, timestamp, 1, timestamp)
        // @ts-expect-error a value of another type
        store.put(key, timestamp, timestamp, 'one', timestamp)
      }
    },
    { stores: [visits] },
  ),
)
// @ts-expect-error a store of sessions says how long it shows them
sessionStore('visits', { key: text, value: int64 })

// ---- streams grouped together: each input's values have their own type, the result is known from what begins it
const grouped = cogroup('seen', nothing, [
  [orders, (order, seen) => ({ ...seen, cents: seen.cents + order.cents })],
  [
    clicks,
    (click, seen, record) => {
      expectTypeOf(click).toEqualTypeOf<Click>()
      expectTypeOf(seen).toEqualTypeOf<Seen>()
      expectTypeOf(record).toEqualTypeOf<StreamRecord<string, Click>>()
      return { ...seen, pages: [...seen.pages, click.page] }
    },
  ],
])
expectTypeOf(grouped).toEqualTypeOf<KTable<string, Seen>>()
expectTypeOf(cogroup('seen', nothing, [[orders, bought]])).toEqualTypeOf<KTable<string, Seen>>()
expectTypeOf(cogroup('seen', nothing, [[orders, bought]], { window: perMinute })).toEqualTypeOf<KTable<Windowed<string>, Seen>>()
expectTypeOf(
  cogroup(
    'seen',
    nothing,
    [
      [orders, bought],
      [orders, () => null],
    ],
    { window: visit, merge: joined, value: json<Seen>(), onError: 'skip' },
  ),
).toEqualTypeOf<KTable<Windowed<string>, Seen>>()
cogroup('seen', () => 0, [[kept, (click, n) => n + (click?.page.length ?? 0)]], { window: perMinute })
// Without windows nulls are dropped before.
cogroup('seen', () => 0, [
  [kept, (click, n) => n + click.page.length],
  [kept, (click, n) => n - click.page.length],
])

// ---- on plain Observables
const records = from<StreamRecord<string, Click>[]>([])
expectTypeOf(cogroup('n', () => 0, [[records, (click, n) => n + click.page.length]])).toEqualTypeOf<Observable<Change<string, number>>>()
expectTypeOf(cogroup('n', () => 0, [[records, (_click, n) => n + 1]], { window: perMinute })).toEqualTypeOf<
  Observable<Change<Windowed<string>, number>>
>()

// ---- what they refuse
// @ts-expect-error no inputs
cogroup('n', () => 0, [])
cogroup('n', () => 0, [
  [orders, (order, n) => n + order.cents],
  // @ts-expect-error keys of another type
  [numbered, (_click, n) => n + 1],
])
cogroup('n', () => 0, [
  [orders, (order, n) => n + order.cents],
  // @ts-expect-error not the type of the result
  [clicks, click => click.page],
])
// @ts-expect-error a field that is not there
cogroup('n', () => 0, [[orders, (order, n) => n + order.page]])
// @ts-expect-error sessions become one by merge
cogroup('n', () => 0, [[orders, (order, n) => n + order.cents]], { window: visit })
// @ts-expect-error without sessions nothing becomes one
cogroup('n', () => 0, [[orders, (order, n) => n + order.cents]], { merge: (a: number, b: number) => a + b })
// @ts-expect-error Kafka Streams hands on every update of a cogroup
cogroup('n', () => 0, [[orders, (order, n) => n + order.cents]], { window: perMinute as AlignedWindows, emit: 'onClose' })
// @ts-expect-error a serde of another type
cogroup('n', () => 0, [[orders, (order, n) => n + order.cents]], { value: text })
// @ts-expect-error a table is no stream
cogroup('n', () => 0, [[grouped, (_seen, n) => n]])
// @ts-expect-error a kept null is null
cogroup('n', () => 0, [[kept, (click, n) => n + click.page.length]], { window: perMinute })
expectTypeOf(grouped).not.toExtend<KStream<string, Seen>>()
