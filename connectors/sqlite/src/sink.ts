import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { type Sink, SinkError, type StreamRecord } from '@riacho/streams'
import { reasonOf, systemClock } from '@riacho/streams/engine'
import { acquire, type Connection, ensureTable, quote } from './client.ts'
import { isPoison, type PoisonRow, PoisonRows, schemaError, sinkError } from './errors.ts'
import { type SqliteOptions, type SqliteValue, settingsOf, type TableSettings } from './options.ts'

/** Opening waits this often, so many milliseconds, for a file that another process has locked. */
const openTriesMax = 10
const openPause = 100

/**
 * A sink of idempotent upserts into a table of an SQLite file: one transaction per batch; a null value deletes by key.
 *
 * @example
 * persist(sqlite({ path: 'events.db', table: 'event', key: ['uid'], columns: { uid: 'TEXT', client: 'TEXT' }, row: e => ({ uid: e.uid, client: e.client }) }))
 *
 * Throws `RIACHO_SQLITE_OPTION`. `write` rejects with a SinkError; when rows are poison it is {@link PoisonRows}, and the other rows are written.
 */
export const sqlite = <K, V, const C extends string>(options: SqliteOptions<K, V, C>): Sink<K, V> => {
  const settings = settingsOf(options)
  return new SqliteSink(options.name ?? `sqlite-${settings.table}`, settings, options)
}

type Rows<K, V> = Pick<SqliteOptions<K, V, string>, 'row' | 'keyOf'>

class SqliteSink<K, V> implements Sink<K, V> {
  readonly name: string
  readonly idempotent = true
  readonly #settings: TableSettings
  readonly #rows: Rows<K, V>
  #users = 0
  #opening: Promise<Table<K, V>> | null = null
  #table: Table<K, V> | null = null

  constructor(name: string, settings: TableSettings, rows: Rows<K, V>) {
    this.name = name
    this.#settings = settings
    this.#rows = rows
  }

  async open(): Promise<void> {
    this.#users++
    this.#opening ??= this.#open()
    try {
      this.#table = await this.#opening
    } catch (thrown) {
      this.#users--
      this.#opening = null
      throw thrown
    }
  }

  async #open(): Promise<Table<K, V>> {
    for (let tries = 1; ; tries++) {
      try {
        return new Table(this.#settings, this.#rows)
      } catch (thrown) {
        const error = sinkError(this.#settings.path, thrown)
        if (error.kind !== 'transient' || tries === openTriesMax) throw error
        await systemClock.sleep(openPause)
      }
    }
  }

  async write(batch: readonly StreamRecord<K, V | null>[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#table === null) throw new SinkError('permanent', `${this.name} is not open: call open() first`)
    if (batch.length > 0) this.#table.write(batch)
  }

  async close(): Promise<void> {
    if (this.#users === 0 || --this.#users > 0) return
    this.#table?.close()
    this.#table = null
    this.#opening = null
  }
}

/** The statements of one sink on its connection. */
class Table<K, V> {
  readonly #settings: TableSettings
  readonly #rows: Rows<K, V>
  readonly #connection: Connection
  readonly #database: DatabaseSync
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  readonly #upsert: StatementSync
  readonly #remove: StatementSync
  /** The parameters of the statement that runs: one array for all rows. */
  readonly #values: SQLInputValue[]
  readonly #keyValues: SQLInputValue[]
  readonly #isKey: readonly boolean[]

  constructor(settings: TableSettings, rows: Rows<K, V>) {
    this.#settings = settings
    this.#rows = rows
    this.#connection = acquire(settings.path, settings.synchronous)
    this.#database = this.#connection.database
    this.#values = settings.columns.map(() => null)
    this.#keyValues = settings.key.map(() => null)
    this.#isKey = settings.columns.map(column => settings.key.includes(column))
    try {
      ensureTable(this.#database, settings)
      this.#begin = this.#database.prepare('BEGIN IMMEDIATE')
      this.#commit = this.#database.prepare('COMMIT')
      this.#upsert = this.#prepare(upsertOf(settings))
      this.#remove = this.#prepare(removalOf(settings))
    } catch (thrown) {
      this.#connection.release()
      throw thrown
    }
  }

  close(): void {
    this.#connection.release()
  }

  /** Synchronous from begin to commit, so that sinks on one connection never meet inside a transaction. */
  write(batch: readonly StreamRecord<K, V | null>[]): void {
    const { path, table } = this.#settings
    let bad: readonly PoisonRow[]
    try {
      bad = this.#transact(batch, 0)
    } catch (thrown) {
      throw sinkError(path, thrown)
    }
    if (bad.length > 0) throw new PoisonRows(table, batch.length, bad)
  }

  /**
   * One transaction. A row that fails undoes only itself; constraints that wait for the commit, or that end the
   * transaction, are found by a transaction per row.
   */
  #transact(batch: readonly StreamRecord<K, V | null>[], offset: number): readonly PoisonRow[] {
    const bad: PoisonRow[] = []
    try {
      this.#begin.run()
      for (let index = 0; index < batch.length; index++) this.#put(batch[index]!, offset + index, bad)
      this.#commit.run()
      return bad
    } catch (thrown) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      if (!isPoison(thrown)) throw thrown
      if (batch.length === 1) return [{ index: offset, cause: thrown, message: `(${reasonOf(thrown)})` }]
      return batch.flatMap((record, index) => this.#transact([record], index))
    }
  }

  #put(record: StreamRecord<K, V | null>, index: number, bad: PoisonRow[]): void {
    const { columns, key } = this.#settings
    const removes = record.value === null
    const values = removes ? this.#keyValues : this.#values
    const names = removes ? key : columns
    try {
      const row = removes ? this.#keyOf(record.key) : this.#rowOf(record as StreamRecord<K, V>)
      for (let column = 0; column < names.length; column++) {
        const value = row[names[column]!] ?? null
        if (value === null && (removes || this.#isKey[column])) throw new BadRow(`key column ${names[column]} is null`)
        values[column] = value as SQLInputValue
      }
      if (removes) this.#remove.run(...values)
      else this.#upsert.run(...values)
    } catch (thrown) {
      // A trigger may have rolled the whole transaction back: then rows are written one by one.
      if (!(thrown instanceof BadRow || isPoison(thrown)) || !this.#database.isTransaction) throw thrown
      bad.push({ index, cause: thrown, message: `(${this.#describe(values, names, thrown)})` })
    }
  }

  #rowOf(record: StreamRecord<K, V>): Readonly<Record<string, SqliteValue>> {
    try {
      return this.#rows.row(record.value, record)
    } catch (cause) {
      throw new BadRow(`row() threw: ${reasonOf(cause)}`, { cause })
    }
  }

  #keyOf(key: K): Readonly<Partial<Record<string, SqliteValue>>> {
    if (this.#rows.keyOf === undefined)
      throw new BadRow('its value is null, which deletes a row: give the option keyOf, or drop nulls before')
    try {
      return this.#rows.keyOf(key)
    } catch (cause) {
      throw new BadRow(`keyOf() threw: ${reasonOf(cause)}`, { cause })
    }
  }

  #describe(values: readonly SQLInputValue[], names: readonly string[], thrown: unknown): string {
    if (thrown instanceof BadRow) return thrown.message
    const bound = /parameter (\d+)/.exec(reasonOf(thrown))
    const what =
      bound === null ? reasonOf(thrown) : `column ${names[Number(bound[1]) - 1]} cannot hold this value: give text, a number, bytes or null`
    const key = this.#settings.key.map(column => `${column}=${String(values[names.indexOf(column)]).slice(0, 100)}`)
    return `${key.join(' ')}: ${what}`
  }

  #prepare(sql: string): StatementSync {
    try {
      return this.#database.prepare(sql)
    } catch (thrown) {
      const { path, table, key } = this.#settings
      if (!reasonOf(thrown).startsWith('ON CONFLICT')) throw thrown
      throw schemaError(path, table, `has no primary key or unique index on (${key.join(', ')})`)
    }
  }
}

/** What is wrong with a row before SQLite sees it. */
class BadRow extends Error {
  override readonly name = 'BadRow'
}

const upsertOf = ({ table, columns, key }: TableSettings): string => {
  const rest = columns.filter(column => !key.includes(column)).map(column => `${quote(column)} = excluded.${quote(column)}`)
  const action = rest.length === 0 ? 'NOTHING' : `UPDATE SET ${rest.join(', ')}`
  const places = columns.map(() => '?').join(', ')
  return `INSERT INTO ${quote(table)} (${columns.map(quote).join(', ')}) VALUES (${places}) ON CONFLICT (${key.map(quote).join(', ')}) DO ${action}`
}

const removalOf = ({ table, key }: TableSettings): string =>
  `DELETE FROM ${quote(table)} WHERE ${key.map(column => `${quote(column)} = ?`).join(' AND ')}`
