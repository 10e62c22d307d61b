import { Client, policies } from 'cassandra-driver'
import { schemaError, sinkError } from './errors.ts'
import { type Cluster, type CqlClient, quote, type TableSettings, tableOf } from './options.ts'

/** A connected client. */
export interface Connection {
  readonly client: CqlClient
  /** A whole number as the client takes it for a 64-bit column. */
  readonly long: (value: number | bigint) => unknown
  close(): Promise<void>
}

/** Milliseconds between two looks at a host that is away: short, because the pipeline stands still meanwhile. */
const reconnectMs = 500

/** Connects, or takes the client of the options. Throws a SinkError. */
export const connect = async (cluster: Cluster, what: string): Promise<Connection> => {
  const { client } = cluster
  try {
    if (client !== undefined) {
      await client.connect()
      // It may be set to take Longs or bigints; text is taken by both.
      return { client, long: String, close: async () => {} }
    }
    const own = clientOf(cluster)
    try {
      await own.connect()
    } catch (thrown) {
      await own.shutdown()
      throw thrown
    }
    return { client: own as unknown as CqlClient, long: BigInt, close: () => own.shutdown() }
  } catch (thrown) {
    throw sinkError(what, thrown)
  }
}

const clientOf = ({ contactPoints, localDataCenter, credentials, tls, requestTimeout = 12_000 }: Cluster): Client =>
  new Client({
    contactPoints: [...contactPoints!],
    localDataCenter: localDataCenter!,
    ...(credentials && { credentials }),
    ...(tls && { sslOptions: { rejectUnauthorized: true, ...tls } }),
    socketOptions: { readTimeout: requestTimeout },
    encoding: { useBigIntAsLong: true, useBigIntAsVarint: true },
    policies: {
      // Trying again is the stage's: it counts the tries, pauses between them, and knows when to give up.
      retry: new policies.retry.FallthroughRetryPolicy(),
      reconnection: new policies.reconnection.ConstantReconnectionPolicy(reconnectMs),
    },
  })

interface Column {
  readonly type: string
  readonly kind: string
  readonly position: number
}

/** Makes the table if the options say so, and compares the one that is there with them. Throws a SinkError. */
export const ensureTable = async (client: CqlClient, settings: TableSettings): Promise<void> => {
  const name = tableOf(settings)
  try {
    if (settings.create) await client.execute(creation(settings))
    const { rows } = await client.execute(
      'SELECT column_name, type, kind, position FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?',
      [settings.keyspace, settings.table],
      { prepare: true, isIdempotent: true },
    )
    const found = new Map(rows.map(row => [String(row.get('column_name')), columnOf(row)]))
    if (found.size === 0) throw schemaError(name, 'does not exist (give create: true to make it)')
    checkColumns(name, settings, found)
  } catch (thrown) {
    throw sinkError(name, thrown)
  }
}

const columnOf = (row: { get(column: string): unknown }): Column => ({
  type: String(row.get('type')),
  kind: String(row.get('kind')),
  position: Number(row.get('position')),
})

const plain = (type: string): string => {
  const text = type.toLowerCase().replaceAll(' ', '')
  return text === 'varchar' ? 'text' : text
}

const checkColumns = (name: string, { columns, types, partition, clustering }: TableSettings, found: ReadonlyMap<string, Column>): void => {
  for (const [index, column] of columns.entries()) {
    const there = found.get(column)
    if (there === undefined) throw schemaError(name, `has no column ${column}`)
    if (plain(there.type) !== plain(types[index]!)) throw schemaError(name, `has ${column} as ${there.type}, not as ${types[index]}`)
  }
  for (const [kind, named] of [
    ['partition_key', partition],
    ['clustering', clustering],
  ] as const) {
    const there = [...found].filter(([, column]) => column.kind === kind).sort(([, a], [, b]) => a.position - b.position)
    const names = there.map(([column]) => column)
    if (names.join() !== named.join()) throw schemaError(name, `has the ${kind.replace('_', ' ')} (${names}), not (${named})`)
  }
}

const creation = (settings: TableSettings): string => {
  const { columns, types, partition, clustering } = settings
  const lines = columns.map((column, index) => `${quote(column)} ${types[index]}`)
  const key = [`(${partition.map(quote).join(', ')})`, ...clustering.map(quote)].join(', ')
  return `CREATE TABLE IF NOT EXISTS ${tableOf(settings)} (${lines.join(', ')}, PRIMARY KEY (${key}))`
}
