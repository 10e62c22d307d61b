import {
  int64,
  joinStream,
  json,
  type KStream,
  leftJoinStream,
  minutes,
  outerJoinStream,
  rekey,
  type StreamRecord,
  text,
  to,
  topic,
} from '@riacho/streams'
import { from, type Observable } from 'rxjs'
import { expectTypeOf } from 'vitest'

interface Order {
  readonly client: string
  readonly cents: number
}
interface Payment {
  readonly cents: number
  readonly method: 'card' | 'pix'
}
const orders = topic('orders', { key: text, value: json<Order>() })
const payments = topic('payments', { key: text, value: json<Payment>() })
const window = { before: 0, after: minutes(5), grace: 0 }

// ---- what the function is given and what comes out
expectTypeOf(orders.pipe(joinStream('j', payments, (order, paid) => ({ ...order, by: paid.method }), window))).toEqualTypeOf<
  KStream<string, { by: 'card' | 'pix'; client: string; cents: number }>
>()
expectTypeOf(orders.pipe(leftJoinStream('j', payments, (order, paid) => order.cents - (paid?.cents ?? 0), window))).toEqualTypeOf<
  KStream<string, number>
>()
expectTypeOf(
  orders.pipe(outerJoinStream('j', payments, (order, paid, key) => [key, order?.client, paid?.method] as const, window)),
).toEqualTypeOf<KStream<string, readonly [string, string | undefined, 'card' | 'pix' | undefined]>>()
orders.pipe(
  joinStream(
    'j',
    payments,
    (order, paid, key) => {
      expectTypeOf(order).toEqualTypeOf<Order>()
      expectTypeOf(paid).toEqualTypeOf<Payment>()
      expectTypeOf(key).toEqualTypeOf<string>()
    },
    window,
  ),
)
orders.pipe(
  leftJoinStream(
    'j',
    payments,
    (order, paid) => [expectTypeOf(order).toEqualTypeOf<Order>(), expectTypeOf(paid).toEqualTypeOf<Payment | null>()],
    window,
  ),
  rekey('k', () => 'k'),
)
orders.pipe(
  outerJoinStream(
    'j',
    payments,
    (order, paid) => [expectTypeOf(order).toEqualTypeOf<Order | null>(), expectTypeOf(paid).toEqualTypeOf<Payment | null>()],
    window,
  ),
)

// ---- null values never reach the function
const nullable = topic('n', { key: text, value: int64, nulls: 'keep' })
nullable.pipe(
  joinStream('j', nullable, (a, b) => a + b, { ...window, left: int64, right: int64, singleStore: true }),
  to('sums', { value: int64 }),
)

// ---- how often what met nothing is let out, and what becomes of pairs that a function refuses
orders.pipe(outerJoinStream('j', payments, order => order?.cents, { ...window, emitEvery: 0, onError: 'skip' }))

// ---- both lives
const plain: Observable<StreamRecord<string, number>> = from([])
expectTypeOf(
  plain.pipe(joinStream('j', payments as Observable<StreamRecord<string, Payment>>, (n, paid) => n + paid.cents, window)),
).toEqualTypeOf<Observable<StreamRecord<string, number>>>()

// ---- what nobody may write
const numbered = topic('numbered', { key: int64, value: json<Payment>() })
// @ts-expect-error the other side has another key type
orders.pipe(joinStream('j', numbered, (order, paid) => order.cents + paid.cents, window))
// @ts-expect-error a left join may have no right value
orders.pipe(leftJoinStream('j', payments, (order, paid) => order.cents + paid.cents, window))
// @ts-expect-error an outer join may have no left value
orders.pipe(outerJoinStream('j', payments, (order, paid) => order.cents + (paid?.cents ?? 0), window))
// @ts-expect-error grace is always said
orders.pipe(joinStream('j', payments, order => order, { before: 0, after: 1 }))
// @ts-expect-error the serde of another type
orders.pipe(joinStream('j', payments, order => order, { ...window, right: int64 }))
// @ts-expect-error an inner join has nothing unmatched
orders.pipe(joinStream('j', payments, order => order, { ...window, emitEvery: 0 }))
// @ts-expect-error two stores are what a left join needs
orders.pipe(leftJoinStream('j', orders, order => order, { ...window, singleStore: true }))
// @ts-expect-error milliseconds are a number
orders.pipe(leftJoinStream('j', payments, order => order, { ...window, emitEvery: '1s' }))
