import {
  aggregate,
  count,
  filterTable,
  int64,
  join,
  joinTable,
  json,
  type KStream,
  type KTable,
  leftJoin,
  leftJoinTable,
  mapTable,
  minutes,
  outerJoinTable,
  regroup,
  rekey,
  table,
  text,
  topic,
  toStream,
  toTable,
  tumbling,
  type Windowed,
} from '@riacho/streams'

interface Order {
  readonly client: string
  readonly cents: number
}
interface Client {
  readonly name: string
  readonly city: string
}
const orders = topic('orders', { key: text, value: json<Order>() })
const nullable = topic('orders', { key: text, value: json<Order>(), nulls: 'keep' })
const numbered = topic('numbered', { key: int64, value: json<Order>() })
const clients = table('clients', { key: text, value: json<Client>() })
const numbers = table('numbers', { key: int64, value: json<Client>() })
const counts = orders.pipe(count('orders-per-client'))
const perMinute = orders.pipe(count('per-minute', { window: tumbling(minutes(1), { grace: 0 }) }))
const perHour = orders.pipe(count('per-hour', { window: tumbling(minutes(60), { grace: 0 }) }))

// ---- a stream with a table
const cities: KStream<string, string> = orders.pipe(
  rekey('by-client', order => order.client),
  join(clients, (order, client) => `${client.city}${order.cents}`),
)
const times: KStream<string, number> = orders.pipe(join(clients, (_order, _client, record) => record.timestamp))
const perhaps: KStream<string, string | undefined> = orders.pipe(leftJoin(clients, (_order, client) => client?.city))
const withValues: KStream<string, number> = nullable.pipe(join(clients, (order, client) => order.cents + client.city.length))

// @ts-expect-error a left join may find no row
orders.pipe(leftJoin(clients, (_order, client) => client.city))
// @ts-expect-error unknown field of the row
orders.pipe(join(clients, (_order, client) => client.nope))
// @ts-expect-error unknown field of the record's value
orders.pipe(join(clients, (order, _client) => order.nope))
// @ts-expect-error a table with other keys
numbered.pipe(join(clients, (_order, client) => client.city))
// @ts-expect-error a table with other keys
numbered.pipe(leftJoin(clients, (_order, client) => client?.city))
// @ts-expect-error a stream is not a table
orders.pipe(join(orders, (a, _b) => a.cents))
// @ts-expect-error a table is not a stream
clients.pipe(join(clients, (a, _b) => a))

// ---- a table with a table
const both: KTable<string, number> = clients.pipe(joinTable(counts, (client, n) => client.city.length + n))
const left: KTable<string, string> = clients.pipe(leftJoinTable(counts, (client, n) => `${client.city}${n?.toFixed()}`, { value: text }))
const either: KTable<string, string> = clients.pipe(
  outerJoinTable(counts, (client, n, key) => (n === null ? null : `${client?.city}${key}`)),
)
const windowed: KTable<Windowed<string>, number> = perMinute.pipe(joinTable(perHour, (a, b, key) => a + b + key.start))

// @ts-expect-error the right row of a left join may be missing
clients.pipe(leftJoinTable(counts, (_client, n) => n.toFixed()))
// @ts-expect-error the left row of an outer join may be missing
clients.pipe(outerJoinTable(counts, (client, _n) => client.city))
// @ts-expect-error the right row of an outer join may be missing
clients.pipe(outerJoinTable(counts, (_client, n) => n.toFixed()))
// @ts-expect-error tables with other keys
clients.pipe(joinTable(numbers, (a, b) => a.city + b.city))
// @ts-expect-error a window is not its key
clients.pipe(joinTable(perMinute, (a, b) => a.city + b))
// @ts-expect-error a stream is not a table
clients.pipe(joinTable(orders, (a, b) => a.city + b))
// @ts-expect-error a table is not a stream
orders.pipe(joinTable(clients, (a, b) => a + b.city))
// @ts-expect-error the serde of another type
clients.pipe(joinTable(counts, (client, n) => client.city.length + n, { value: text }))

// ---- rows
const named: KTable<string, string> = clients.pipe(
  mapTable(client => (client.city === '' ? null : client.name), { store: 'names', value: text }),
)
const some: KTable<string, Client> = clients.pipe(filterTable((client, key) => client.name !== key, { store: 'some', onError: 'skip' }))
const last: KTable<string, Order> = nullable.pipe(toTable({ store: 'last', value: json<Order>() }))
const byName: KStream<string, Client | null> = clients.pipe(toStream({ key: (client, key) => client?.name ?? key }))
const byLength: KStream<number, number | null> = counts.pipe(toStream({ key: n => n ?? 0, serde: int64 }))
const perCity: KTable<string, string> = clients.pipe(
  regroup('by-city', client => [client.city, 1], { key: text, value: int64, onError: { deadLetter: 'dead' } }),
  aggregate(
    'cities',
    () => '',
    (n, all, city) => `${all}+${city}${n}`,
    { subtract: (n, all, city) => `${all}-${city}${n.toFixed()}` },
  ),
)
export const passed = [cities, times, perhaps, withValues, both, left, either, windowed, named, some, last, byName, byLength, perCity]

// @ts-expect-error a deleted row has no value
clients.pipe(toStream({ key: client => client.name }))
// @ts-expect-error a numeric key without its serde
counts.pipe(toStream({ key: n => n ?? 0 }))
// @ts-expect-error the serde of another key
counts.pipe(toStream({ key: n => String(n), serde: int64 }))
// @ts-expect-error the serde of another type
clients.pipe(mapTable(client => client.name, { value: int64 }))
// @ts-expect-error the serde of another type
orders.pipe(toTable({ store: 'last', value: text }))
// @ts-expect-error the serde of another key
orders.pipe(toTable({ store: 'last', key: int64 }))
// @ts-expect-error a table is a table already
clients.pipe(toTable())
// @ts-expect-error unknown field of the group's value
clients.pipe(regroup('by-city', client => [client.nope, 1], { key: text, value: int64 }))
