import { int64, join, json, type KStream, leftJoin, rekey, table, text, topic } from '@riacho/streams'

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

// ---- a stream with a table
const cities: KStream<string, string> = orders.pipe(
  rekey('by-client', order => order.client),
  join(clients, (order, client) => `${client.city}${order.cents}`),
)
const records: KStream<string, number> = orders.pipe(join(clients, (_order, _client, record) => record.timestamp))
const perhaps: KStream<string, string | undefined> = orders.pipe(leftJoin(clients, (_order, client) => client?.city))
const withValues: KStream<string, number> = nullable.pipe(join(clients, (order, client) => order.cents + client.city.length))
export const passed = [cities, records, perhaps, withValues]

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
