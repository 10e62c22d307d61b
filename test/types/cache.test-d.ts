import {
  aggregate,
  count,
  filterTable,
  int64,
  type KTable,
  minutes,
  reduce,
  table,
  text,
  topic,
  toTable,
  tumbling,
  type Windowed,
} from '@riacho/streams'

const orders = topic('orders', { key: text, value: int64 })
const cache = { recordsMax: 1000 }

const counts: KTable<string, number> = orders.pipe(count('n', { cache }))
const perMinute: KTable<Windowed<string>, number> = orders.pipe(count('m', { window: tumbling(minutes(1), { grace: 0 }), cache }))
const sums: KTable<string, number> = orders.pipe(reduce('r', (a, b) => a + b, { value: int64, cache }))
const texts: KTable<string, string> = orders.pipe(
  aggregate(
    'a',
    () => '',
    (n, all) => `${all}${n}`,
    { value: text, cache },
  ),
)
const rows: KTable<string, number> = orders.pipe(toTable({ store: 'rows', cache }))
const clients: KTable<string, number> = table('clients', { key: text, value: int64, store: 'clients', cache })
const many: KTable<string, number> = counts.pipe(filterTable(n => n > 1, { store: 'many', cache }))

// @ts-expect-error how much waits is said
orders.pipe(count('n', { cache: {} }))
// @ts-expect-error a cache has a bound
orders.pipe(count('n', { cache: true }))
// @ts-expect-error it counts keys, not bytes
orders.pipe(reduce('r', (a, b) => a + b, { cache: { bytesMax: 10 } }))

export const drawn = [counts, perMinute, sums, texts, rows, clients, many]
