import {
  type GlobalHistory,
  type GlobalTable,
  globalTable,
  int64,
  join,
  json,
  type KStream,
  leftLookup,
  lookup,
  process,
  text,
  topic,
} from '@riacho/streams'

interface Order {
  readonly sku: string
  readonly quantity: number
}
interface Price {
  readonly cents: number
}
const orders = topic('orders', { key: text, value: json<Order>() })
const nullable = topic('orders', { key: text, value: json<Order>(), nulls: 'keep' })
const prices = globalTable('prices', { key: text, value: json<Price>() })
const history = globalTable('prices', { key: text, value: json<Price>(), historyRetention: 1000 })
const byNumber = globalTable('numbered', { key: int64, value: text })

// ---- what they are
const table: GlobalTable<string, Price> = prices
const past: GlobalHistory<string, Price> = history
const asTable: GlobalTable<string, Price> = history
// @ts-expect-error a table without a history
const noPast: GlobalHistory<string, Price> = prices
// @ts-expect-error dead letters of a global table
globalTable('prices', { key: text, value: text, onError: { deadLetter: 'dead' } })

// ---- lookups
const due: KStream<string, number> = orders.pipe(
  lookup(
    prices,
    order => order.sku,
    (order, price) => order.quantity * price.cents,
  ),
)
const perhaps: KStream<string, number | undefined> = orders.pipe(
  leftLookup(
    prices,
    order => (order.sku === '' ? null : order.sku),
    (_order, price) => price?.cents,
  ),
)
const then: KStream<string, number> = orders.pipe(
  lookup(
    history,
    order => order.sku,
    (_order, price) => price.cents,
    { asOf: (_order, record) => record.timestamp, onMissing: 'fail' },
  ),
)
const withValues: KStream<string, number> = nullable.pipe(
  lookup(
    prices,
    order => order.sku,
    (order, price) => order.quantity * price.cents,
  ),
)
const rows: KStream<string, number> = orders.pipe(
  process<string, Order, string, number>(
    'rows',
    context => {
      const all = context.global(prices)
      return record => context.forward({ ...record, value: all.get(record.value.sku)?.value.cents ?? 0 })
    },
    { globals: [prices, byNumber] },
  ),
)
export const passed = [table, past, asTable, noPast, due, perhaps, then, withValues, rows]

const sku = (order: Order): string => order.sku
const cents = (_order: Order, price: Price): number => price.cents

// @ts-expect-error asOf without a history
orders.pipe(lookup(prices, sku, cents, { asOf: () => 1 }))
// @ts-expect-error asOf without a history
orders.pipe(leftLookup(prices, sku, (_order: Order, price: Price | null) => price?.cents, { asOf: () => 1 }))
// @ts-expect-error a time is a number
orders.pipe(lookup(history, sku, cents, { asOf: () => 'now' }))
// @ts-expect-error a key of another type
orders.pipe(lookup(byNumber, sku, (_order: Order, word: string) => word))
// @ts-expect-error a left lookup may find no row
orders.pipe(leftLookup(prices, sku, cents))
// @ts-expect-error unknown field of the row
orders.pipe(lookup(prices, sku, (_order: Order, price) => price.nope))
// @ts-expect-error unknown field of the value
orders.pipe(lookup(prices, order => order.nope, cents))
// @ts-expect-error a left lookup misses nothing
orders.pipe(leftLookup(prices, sku, (_order: Order, price: Price | null) => price?.cents, { onMissing: 'skip' }))
// @ts-expect-error a global table is no stream
prices.pipe(lookup(prices, sku, cents))
// @ts-expect-error a global table is no table of a join
orders.pipe(join(prices, cents))
