import type { ConnectionOptions } from 'node:tls'
import type { Serde, StreamRecord } from '@riacho/streams'
import { optionError } from './errors.ts'

/** Where the server is, and who we are. What is not said is as libpq's environment variables say (`PGHOST`, `PGUSER`, `PGPASSWORD`, …). */
export interface Server {
  /** `postgresql://user:password@host:port/database`. The options below win against its parts. TLS is said by `tls`. */
  readonly url?: string
  /** A name, an address, or the folder of a socket. */
  readonly host?: string
  readonly port?: number
  readonly database?: string
  readonly user?: string
  /** Text, or a function that is asked at each connection, for passwords that expire. */
  readonly password?: string | (() => string | Promise<string>)
  /** Speaks TLS: Node's options of a connection. `{}` checks the server's certificate against the system's authorities. */
  readonly tls?: ConnectionOptions
  /** Most milliseconds for one statement; then it is cancelled. Default 10,000. */
  readonly requestTimeout?: number
}

/** What a column can hold. `undefined` leaves it as it is, null writes NULL. Objects and arrays are for columns of JSON, arrays for columns of arrays. */
export type PostgresValue = string | number | bigint | boolean | Date | Uint8Array | object | null | undefined

/** By which a newer row is told from an older one. */
export interface Version<K, V> {
  /** A column of type `bigint` beside the others, written with each row. */
  readonly column: string
  /** A whole number that grows with each change of a row and is the same when the record is written again. Default: from the record's offset. */
  readonly of?: (value: V | null, record: StreamRecord<K, V | null>) => number
  /** Added to versions that are made from offsets. Raise it when the topic was made anew. Default 0. */
  readonly epoch?: number
}

/** What `postgres` takes. `C` are the names of the columns. */
export interface PostgresOptions<K, V, C extends string> extends Server {
  readonly table: string
  /** Default: as the server's search path finds the table. */
  readonly schema?: string
  /** Names and types of the columns that are written, such as `text` or `bigint not null`. Checked against the table. */
  readonly columns: Readonly<Record<C, string>>
  /** The columns that make a row the same row: the primary key, or those of a unique index. */
  readonly key: readonly NoInfer<C>[]
  /** Make the table when it is missing. The schema must exist. Default false. */
  readonly create?: boolean
  /** The row of a record. Called once per try of a record; what it throws makes the record a poison one. */
  readonly row: (value: V, record: StreamRecord<K, V>) => Readonly<Record<NoInfer<C>, PostgresValue>>
  /** The key columns of a record whose value is null, which deletes the row. Without it a null value is a poison record. */
  readonly keyOf?: (key: K) => Readonly<Partial<Record<NoInfer<C>, PostgresValue>>>
  /** Keeps what comes late from writing over what is newer. Default: the last write wins. */
  readonly version?: Version<K, V>
  /** Connections of this sink, and so batches that are written at once. Default 8. */
  readonly connectionsMax?: number
  /** Default: `postgres-` and the table. */
  readonly name?: string
}

/** The columns of an outbox table. */
export interface OutboxColumns {
  /** Unique, and growing with the order in which rows are to be read. Default `id`. */
  readonly id?: string
  /** Default `key`. null: records have no key. */
  readonly key?: string | null
  /** `bytea` is read as it is, all else as its text in UTF-8. Default `value`. */
  readonly value?: string
  /** A `timestamptz`. Default `created_at`. null: the time of the reading. */
  readonly timestamp?: string | null
  /** An object of texts as `jsonb`. Default none. */
  readonly headers?: string | null
}

/** What `outbox` takes. */
export interface OutboxOptions<V> extends Server {
  readonly table: string
  readonly schema?: string
  readonly columns?: OutboxColumns
  readonly value: Serde<V>
  /** What happens to a row after the commit that covers it: it is deleted (default), or this `timestamptz` column, null until then, is set. */
  readonly acknowledge?: 'delete' | { readonly mark: string }
  /** Milliseconds between two looks at a table in which there was nothing. Default 100. */
  readonly poll?: number
  /** Rows read and not yet acknowledged; beyond it nothing is read. Default 10,000. */
  readonly pendingMax?: number
  /** Partitions: so many tasks read the table side by side. Default 1. */
  readonly partitions?: number
  /** Default: `outbox-` and the table. */
  readonly name?: string
}

/** A column and its type as the options name it. */
export interface Column {
  readonly name: string
  readonly type: string
}

/** Options of a sink after their check, with names apart from what they are for. */
export interface TableSettings {
  /** As SQL text. */
  readonly table: string
  /** Those of rows; the version's column comes last, if there is one. */
  readonly columns: readonly Column[]
  readonly key: readonly string[]
  readonly version: string | undefined
  readonly create: boolean
}

const identifier = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/
const columnType = /^[a-z][a-z0-9_]*( (precision|varying|with time zone|without time zone))?(\(\d+(, ?\d+)?\))?(\[\])?( not null)?$/i

const nameOf = (what: string, name: string): string => {
  if (identifier.test(name)) return name
  throw optionError(`${what} is "${name}": use at most 63 letters, digits and '_', and no digit first`)
}

/** An identifier as SQL text, its case kept. */
export const quote = (name: string): string => `"${name}"`

const tableOf = ({ table, schema }: { readonly table: string; readonly schema?: string }): string => {
  const name = quote(nameOf('table', table))
  return schema === undefined ? name : `${quote(nameOf('schema', schema))}.${name}`
}

const whole = (what: string, value: number | undefined, least: number, most: number): void => {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return
  throw optionError(`${what} is ${value}: give a whole number from ${least} to ${most}`)
}

const checkServer = ({ url, port, requestTimeout }: Server): void => {
  whole('port', port, 1, 65_535)
  whole('requestTimeout', requestTimeout, 1, 600_000)
  if (url === undefined) return
  const { protocol, search } = URL.canParse(url) ? new URL(url) : { protocol: '', search: '' }
  if (!/^postgres(ql)?:$/.test(protocol)) throw optionError('url is no address of a PostgreSQL: give postgresql://user@host:port/database')
  if (search !== '') throw optionError('url has parameters, which are not read: give options instead, for TLS the option tls')
}

/** Checks the options of a sink. Throws `RIACHO_POSTGRES_OPTION`. */
export const settingsOf = <K, V, C extends string>(options: PostgresOptions<K, V, C>): TableSettings => {
  checkServer(options)
  whole('connectionsMax', options.connectionsMax, 1, 1000)
  const columns = Object.entries<string>(options.columns).map(([name, type]): Column => ({ name: nameOf('a column', name), type }))
  for (const { name, type } of columns) {
    if (!columnType.test(type)) throw optionError(`the type of column ${name} is "${type}": give a type such as text or bigint not null`)
  }
  const names = columns.map(({ name }) => name)
  if (options.key.length === 0) throw optionError('key is empty: name the columns that make a row the same row')
  for (const column of options.key) if (!names.includes(column)) throw optionError(`key column "${column}" is not among the columns`)
  if (new Set(options.key).size < options.key.length) throw optionError('key names a column twice')
  const { version, key, create = false } = options
  if (version !== undefined) {
    whole('version.epoch', version.epoch, 0, Number.MAX_SAFE_INTEGER)
    if (names.includes(version.column)) throw optionError(`version.column "${version.column}" is among the columns: give one of its own`)
    columns.push({ name: nameOf('version.column', version.column), type: 'bigint' })
  }
  return { table: tableOf(options), columns, key, version: version?.column, create }
}

/** Options of a source after their check, with names as SQL text. */
export interface OutboxSettings {
  readonly table: string
  readonly columns: Readonly<Record<keyof OutboxColumns, string | null>>
  /** The column that is set when a row is acknowledged; null: it is deleted. */
  readonly mark: string | null
}

/** Checks the options of a source. Throws `RIACHO_POSTGRES_OPTION`. */
export const outboxOf = <V>(options: OutboxOptions<V>): OutboxSettings => {
  checkServer(options)
  whole('poll', options.poll, 1, 60_000)
  whole('pendingMax', options.pendingMax, 1, 100_000)
  whole('partitions', options.partitions, 1, 1000)
  const { id = 'id', key = 'key', value = 'value', timestamp = 'created_at', headers = null } = options.columns ?? {}
  const named = Object.entries({ id, key, value, timestamp, headers }).map(([what, name]) => [
    what,
    name === null ? null : nameOf(`columns.${what}`, name),
  ])
  const { acknowledge = 'delete' } = options
  const mark = acknowledge === 'delete' ? null : nameOf('acknowledge.mark', acknowledge.mark)
  return { table: tableOf(options), columns: Object.fromEntries(named) as OutboxSettings['columns'], mark }
}
