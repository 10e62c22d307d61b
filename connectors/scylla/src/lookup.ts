import { type Connection, connect } from './client.ts'
import { optionError, sinkError } from './errors.ts'
import { type Cluster, type Consistency, type CqlValue, checkCluster, consistencies, nameOf, quote, tableOf } from './options.ts'

/** What `scyllaLookup` takes. `C` are the columns that it gives. */
export interface LookupOptions<C extends string> extends Cluster {
  readonly table: string
  /** The whole partition key. */
  readonly key: readonly string[]
  /** The first clustering column: the time (`timestamp`) from which a row is valid. Without it there is one row a key. */
  readonly validFrom?: string
  /** The columns that are read. */
  readonly columns: readonly C[]
  /** Default `localQuorum`. */
  readonly consistency?: Consistency
}

/** Rows of a table by key and time. Opens at the first look-up, and must be closed. */
export interface AsOf<C extends string> {
  /** The row of the key that was valid at `time` (epoch milliseconds), or null. Rejects with a SinkError, whose kind says whether trying again can help. */
  get(key: readonly CqlValue[], time?: number): Promise<Readonly<Record<C, unknown>> | null>
  close(): Promise<void>
}

/**
 * Looks rows up in Cassandra or ScyllaDB, as of a time: for `mapAsync`.
 *
 * @example
 * const prices = scyllaLookup({ contactPoints, localDataCenter, keyspace: 'app', table: 'price', key: ['sku', 'unit'], validFrom: 'valid_from', columns: ['price'] })
 * pulses.pipe(mapAsync(async (pulse, record) => ({ ...pulse, row: await prices.get([pulse.sku, pulse.unit], record.timestamp) }), { retry: { retriesMax: 5 } }))
 *
 * Throws `RIACHO_SCYLLA_OPTION`.
 */
export const scyllaLookup = <const C extends string>(options: LookupOptions<C>): AsOf<C> => {
  checkCluster(options)
  const query = queryOf(options)
  const { keyspace, table, columns, validFrom, key: names } = options
  const what = tableOf({ keyspace, table })
  const execution = { prepare: true, isIdempotent: true, consistency: consistencies[options.consistency ?? 'localQuorum'] }
  let opening: Promise<Connection> | undefined
  const opened = (): Promise<Connection> => {
    opening ??= connect(options, what).catch((thrown: unknown) => {
      opening = undefined
      throw thrown
    })
    return opening
  }
  return {
    async get(key, time) {
      if (key.length !== names.length)
        throw optionError(`the key has ${names.length} columns (${names}), and ${key.length} values were given`)
      if ((time === undefined) !== (validFrom === undefined)) throw optionError('a time is given if, and only if, validFrom is')
      const { client } = await opened()
      try {
        const { rows } = await client.execute(query, time === undefined ? [...key] : [...key, new Date(time)], execution)
        const [row] = rows
        if (row === undefined) return null
        return Object.fromEntries(columns.map(column => [column, row.get(column)])) as Record<C, unknown>
      } catch (thrown) {
        throw sinkError(what, thrown)
      }
    },
    async close() {
      const connection = await opening?.catch(() => undefined)
      opening = undefined
      await connection?.close()
    },
  }
}

const queryOf = ({ keyspace, table, key, validFrom, columns }: LookupOptions<string>): string => {
  const name = tableOf({ keyspace: nameOf('keyspace', keyspace), table: nameOf('table', table) })
  if (key.length === 0) throw optionError('key is empty: give the columns of the partition key')
  if (columns.length === 0) throw optionError('columns is empty: give the columns to read')
  const where = key.map(column => `${quote(nameOf('a key column', column))} = ?`)
  const from = validFrom === undefined ? '' : quote(nameOf('validFrom', validFrom))
  const asOf = from === '' ? '' : ` AND ${from} <= ? ORDER BY ${from} DESC`
  return `SELECT ${columns.map(column => quote(nameOf('a column', column))).join(', ')} FROM ${name} WHERE ${where.join(' AND ')}${asOf} LIMIT 1`
}
