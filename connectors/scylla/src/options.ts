import type { ConnectionOptions } from 'node:tls'
import type { StreamRecord } from '@riacho/streams'
import { optionError } from './errors.ts'

/** What a column can hold: `undefined` leaves it as it is, null deletes it. Lists, sets, maps and the driver's own types are objects. */
export type CqlValue = string | number | bigint | boolean | Date | Uint8Array | object | null | undefined

/** How many replicas must have a row before it counts as written. */
export type Consistency = keyof typeof consistencies

/** Consistencies, by the numbers of the native protocol. */
export const consistencies = {
  any: 0x00,
  one: 0x01,
  two: 0x02,
  three: 0x03,
  quorum: 0x04,
  all: 0x05,
  localQuorum: 0x06,
  eachQuorum: 0x07,
  localOne: 0x0a,
} as const

/** What this connector uses of a driver. `Client` of `cassandra-driver` fits, and that of the drivers with its interface. */
export interface CqlClient {
  connect(): Promise<void>
  execute(query: string, params?: unknown[], options?: object): Promise<{ readonly rows: readonly CqlRow[] }>
  batch(queries: { query: string; params?: unknown[] }[], options?: object): Promise<unknown>
  shutdown(): Promise<void>
}

/** A row as a driver gives it. */
export interface CqlRow {
  get(column: string): unknown
}

/** Where the cluster is, and who we are. */
export interface Cluster {
  /** Hosts, with or without a port. */
  readonly contactPoints?: readonly string[]
  readonly localDataCenter?: string
  readonly credentials?: { readonly username: string; readonly password: string }
  /** Speaks TLS: Node's options of a connection. `{}` checks the server's certificate against the system's authorities. */
  readonly tls?: ConnectionOptions
  /** A client made elsewhere, instead of all the above: shared, or of another driver, such as Scylla's own. It is connected when needed, and not shut down. */
  readonly client?: CqlClient
  readonly keyspace: string
  /** Most milliseconds for one request. Default 12,000. */
  readonly requestTimeout?: number
}

/** What `scylla` takes. `C` are the names of the columns. */
export interface ScyllaOptions<K, V, C extends string> extends Cluster {
  readonly table: string
  /** Names and CQL types of the columns that are written. Checked against the table. */
  readonly columns: Readonly<Record<C, string>>
  /** The primary key. Records of one row come from one partition of one topic, or `version` says which is newer. */
  readonly key: { readonly partition: readonly NoInfer<C>[]; readonly clustering?: readonly NoInfer<C>[] }
  /** Make the table when it is missing. The keyspace must exist. Default false. */
  readonly create?: boolean
  /** The row of a record. Called once per try of a record; what it throws makes the record a poison one. */
  readonly row: (value: V, record: StreamRecord<K, V>) => Readonly<Record<NoInfer<C>, CqlValue>>
  /** The key columns of a record whose value is null, which deletes the row. Without it a null value is a poison record. */
  readonly keyOf?: (key: K) => Readonly<Partial<Record<NoInfer<C>, CqlValue>>>
  /**
   * The write timestamp of a record (`USING TIMESTAMP`), a whole number that grows with each change of a row and is the same when the record is written again. Default: from
   * the record's offset, so that whatever is written again, late or by a process that was replaced, loses against what is newer.
   */
  readonly version?: (value: V | null, record: StreamRecord<K, V | null>) => number
  /** Added to versions that are made from offsets. Raise it when the topic was made anew, or when others have written these rows before. Default 0. */
  readonly epoch?: number
  /** Seconds after which a row vanishes. 0: never. */
  readonly ttl?: number | ((value: V, record: StreamRecord<K, V>) => number)
  /** Default `localQuorum`. */
  readonly consistency?: Consistency
  /** Statements of one batch of the stage that are under way at once. Default 128. */
  readonly statementsMax?: number
  /** Rows of one partition that go into one statement together (an unlogged batch). Default 20. */
  readonly partitionRowsMax?: number
  /** Default: `scylla-` and the table. */
  readonly name?: string
}

/** Options after their check, with names apart from what they are for. */
export interface TableSettings {
  readonly keyspace: string
  readonly table: string
  readonly columns: readonly string[]
  readonly types: readonly string[]
  readonly partition: readonly string[]
  readonly clustering: readonly string[]
  readonly create: boolean
}

const identifier = /^[A-Za-z][A-Za-z0-9_]{0,47}$/
const columnType = /^[a-z]+(<[a-z<>, ]+>)?$/i

/** An identifier of the options. Throws `RIACHO_SCYLLA_OPTION`. */
export const nameOf = (what: string, name: string): string => {
  if (identifier.test(name)) return name
  throw optionError(`${what} is "${name}": use at most 48 letters, digits and '_', and a letter first`)
}

/** An identifier as CQL text, its case kept. */
export const quote = (name: string): string => `"${name}"`

/** A table as CQL text. */
export const tableOf = ({ keyspace, table }: Pick<TableSettings, 'keyspace' | 'table'>): string => `${quote(keyspace)}.${quote(table)}`

/** Checks where the cluster is. Throws `RIACHO_SCYLLA_OPTION`. */
export const checkCluster = ({ client, contactPoints = [], localDataCenter }: Cluster): void => {
  if (client !== undefined && contactPoints.length > 0) throw optionError('client and contactPoints: give one of them')
  if (client === undefined && contactPoints.length === 0) throw optionError('contactPoints is empty: give at least one host, or a client')
  if (client === undefined && !localDataCenter) throw optionError('localDataCenter is missing: give its name (nodetool status shows it)')
}

/** A whole number of at least `least`. Throws `RIACHO_SCYLLA_OPTION`. */
export const atLeast = (what: string, number: number, least: number): number => {
  if (Number.isSafeInteger(number) && number >= least) return number
  throw optionError(`${what} is ${number}: give a whole number of at least ${least}`)
}

/** Checks the options of a table. Throws `RIACHO_SCYLLA_OPTION`. */
export const settingsOf = <K, V, C extends string>(options: ScyllaOptions<K, V, C>): TableSettings => {
  checkCluster(options)
  const columns = Object.keys(options.columns).map(column => nameOf('a column', column))
  const types = Object.values<string>(options.columns)
  for (const [index, type] of types.entries()) {
    if (!columnType.test(type))
      throw optionError(`the type of column ${columns[index]} is "${type}": give a CQL type, such as text or list<int>`)
    if (type.toLowerCase() === 'counter')
      throw optionError(`column ${columns[index]} is a counter, which cannot be written twice: count in the pipeline`)
  }
  const { partition, clustering = [] } = options.key
  if (partition.length === 0) throw optionError('key.partition is empty: give at least one column')
  const key: readonly string[] = [...partition, ...clustering]
  for (const column of key) if (!columns.includes(column)) throw optionError(`key column ${column} is not among the columns`)
  if (new Set(key).size < key.length) throw optionError('a key column is named twice')
  if (options.epoch !== undefined) atLeast('epoch', options.epoch, 0)
  if (options.statementsMax !== undefined) atLeast('statementsMax', options.statementsMax, 1)
  if (options.partitionRowsMax !== undefined) atLeast('partitionRowsMax', options.partitionRowsMax, 1)
  if (typeof options.ttl === 'number') atLeast('ttl', options.ttl, 0)
  return {
    keyspace: nameOf('keyspace', options.keyspace),
    table: nameOf('table', options.table),
    columns,
    types,
    partition,
    clustering,
    create: options.create ?? false,
  }
}
