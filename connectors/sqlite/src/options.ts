import type { StreamRecord } from '@riacho/streams'
import { optionError } from './errors.ts'

/** What a column can hold. `undefined` is written as NULL. */
export type SqliteValue = string | number | bigint | boolean | Uint8Array | null | undefined

/** What `sqlite` takes. `C` are the names of the columns. */
export interface SqliteOptions<K, V, C extends string> {
  /** The database file; made when missing. Its folder must exist and allow new files. */
  readonly path: string
  /** Made when missing; else checked. */
  readonly table: string
  /** Names and declared types of the columns that are written, such as `TEXT` or `INTEGER NOT NULL`. */
  readonly columns: Readonly<Record<C, string>>
  /** The columns that make a row the same row: the primary key, or a unique index of an existing table. */
  readonly key: readonly NoInfer<C>[]
  /** The row of a record. Called once per record; what it throws makes the record a poison one. */
  readonly row: (value: V, record: StreamRecord<K, V>) => Readonly<Record<NoInfer<C>, SqliteValue>>
  /** The key columns of a record whose value is null, which deletes the row. Without it a null value is a poison record. */
  readonly keyOf?: (key: K) => Readonly<Partial<Record<NoInfer<C>, SqliteValue>>>
  /** Default: `sqlite-` and the table. */
  readonly name?: string
  /**
   * NORMAL (default): a resolved write survives the death of the process, but the last ones may be lost when the machine loses power. FULL: it
   * survives that too, for one fsync per batch. Sinks that share a file share the stronger one.
   */
  readonly synchronous?: 'NORMAL' | 'FULL'
}

/** Options after their check, with names apart from what they are for. */
export interface TableSettings {
  readonly path: string
  readonly table: string
  readonly columns: readonly string[]
  readonly types: readonly string[]
  readonly key: readonly string[]
  readonly synchronous: 'NORMAL' | 'FULL'
}

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/
const columnType = /^[A-Za-z]+( [A-Za-z]+)*( ?\(\d+(, ?\d+)?\))?( NOT NULL)?$/i

const nameOf = (what: string, name: string): string => {
  if (identifier.test(name)) return name
  throw optionError(`${what} is "${name}": use letters, digits and '_', and no digit first`)
}

/** Checks the options. Throws `RIACHO_SQLITE_OPTION`. */
export const settingsOf = <K, V, C extends string>(options: SqliteOptions<K, V, C>): TableSettings => {
  const columns = Object.keys(options.columns).map(column => nameOf('a column', column))
  const types = Object.values<string>(options.columns)
  if (options.path === '') throw optionError('path is empty: give the path of the database file')
  if (new Set(columns.map(column => column.toLowerCase())).size < columns.length) throw optionError('two columns differ only in case')
  for (const [index, type] of types.entries()) {
    if (!columnType.test(type))
      throw optionError(`the type of column ${columns[index]} is "${type}": give a type such as TEXT or INTEGER NOT NULL`)
  }
  if (options.key.length === 0) throw optionError('key is empty: name the columns that make a row the same row')
  for (const column of options.key) if (!columns.includes(column)) throw optionError(`key column "${column}" is not among the columns`)
  if (new Set(options.key).size < options.key.length) throw optionError('key names a column twice')
  const { path, key, synchronous = 'NORMAL' } = options
  return { path, table: nameOf('table', options.table), columns, types, key, synchronous }
}
