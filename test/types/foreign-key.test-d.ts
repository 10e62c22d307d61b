import {
  int64,
  joinForeignKey,
  json,
  type KTable,
  leftJoinForeignKey,
  mapTable,
  regroup,
  table,
  text,
  to,
  topic,
  toStream,
} from '@riacho/streams'

interface Parcel {
  readonly client: string
  readonly depot?: number
  readonly cents: number
}
interface Client {
  readonly city: string
}
const parcels = table('parcels', { key: text, value: json<Parcel>() })
const clients = table('clients', { key: text, value: json<Client>() })
const depots = table('depots', { key: int64, value: json<Client>() })
const orders = topic('orders', { key: text, value: json<Parcel>() })

const cities: KTable<string, string> = parcels.pipe(
  joinForeignKey(
    'cities',
    clients,
    parcel => parcel.client,
    (_parcel, client) => client.city,
  ),
)
const prices: KTable<string, { cents: number; city: string }> = parcels.pipe(
  joinForeignKey(
    'prices',
    clients,
    parcel => parcel.client,
    ({ cents }, { city }, key) => ({ cents, city: city + key }),
    { store: 'prices', value: json(), deletions: 'always', onError: 'skip', partition: (client, n) => client.length % n },
  ),
)
const perhaps: KTable<string, string> = parcels.pipe(
  leftJoinForeignKey(
    'perhaps',
    clients,
    parcel => parcel.client,
    (_parcel, client) => client?.city ?? 'unknown',
  ),
)
/** A foreign key may be missing, and may come from the key. */
const inDepots: KTable<string, string> = parcels.pipe(
  joinForeignKey(
    'depots',
    depots,
    parcel => parcel.depot,
    (_parcel, depot) => depot.city,
  ),
)
const byKey: KTable<string, number> = parcels.pipe(
  joinForeignKey(
    'by-key',
    clients,
    (_parcel, key) => key.slice(0, 1),
    parcel => (parcel.cents > 0 ? parcel.cents : null),
  ),
)
const onwards: KTable<string, number> = cities.pipe(mapTable(city => city.length))
cities.pipe(toStream(), to('cities'))
cities.pipe(regroup('by-city', city => [city, 1], { key: text, value: int64 }))

const clientOf = (parcel: Parcel): string => parcel.client
const cityOf = (_parcel: Parcel, client: Client): string => client.city
// @ts-expect-error a left join may find no row
parcels.pipe(leftJoinForeignKey('l', clients, clientOf, (_parcel, client) => client.city))
// @ts-expect-error the foreign key is not a key of the right table
parcels.pipe(joinForeignKey('f', depots, clientOf, cityOf))
// @ts-expect-error unknown field of the left row
parcels.pipe(joinForeignKey('f', clients, parcel => parcel.nope, cityOf))
// @ts-expect-error unknown field of the right row
parcels.pipe(joinForeignKey('f', clients, clientOf, (_parcel, client) => client.nope))
// @ts-expect-error the left side is a stream
orders.pipe(joinForeignKey('f', clients, clientOf, cityOf))
// @ts-expect-error the right side is a stream
parcels.pipe(joinForeignKey('f', orders, clientOf, (_parcel, order) => order.cents))
// @ts-expect-error a name is required
parcels.pipe(joinForeignKey(clients, clientOf, cityOf))
// @ts-expect-error the serde is of another value
parcels.pipe(joinForeignKey('f', clients, clientOf, cityOf, { value: int64 }))
// @ts-expect-error a left join has all deletions anyway
parcels.pipe(leftJoinForeignKey('l', clients, clientOf, () => 1, { deletions: 'always' }))
// @ts-expect-error a partition of foreign keys, which are text
parcels.pipe(joinForeignKey('f', clients, clientOf, cityOf, { partition: (client: number) => client }))
// @ts-expect-error the result is a table, not a stream
parcels.pipe(joinForeignKey('f', clients, clientOf, cityOf), to('cities'))

export { byKey, inDepots, onwards, perhaps, prices }
