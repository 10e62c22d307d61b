import { type Places, type Sink, SinkError, type StreamRecord } from '@riacho/streams'
import { reasonOf } from '@riacho/streams/engine'
import { type Connection, connect, ensureTable } from './client.ts'
import { BadRow, batchError, sinkError } from './errors.ts'
import { type CqlValue, consistencies, quote, type ScyllaOptions, settingsOf, type TableSettings, tableOf } from './options.ts'

/**
 * A sink of upserts into a table of Cassandra or ScyllaDB: one statement a row, prepared, with a write timestamp that is the same when the record is written again; a null
 * value deletes by key. So writing again, in any order, changes nothing.
 *
 * @example
 * persist(scylla({ contactPoints: ['127.0.0.1'], localDataCenter: 'datacenter1', keyspace: 'app', table: 'event', columns: { uid: 'text', client: 'text' }, key: { partition: ['uid'] }, row: e => e }))
 *
 * Throws `RIACHO_SCYLLA_OPTION`. `write` rejects with a SinkError whose `failures` say which rows were not written; all others were.
 */
export const scylla = <K, V, const C extends string>(options: ScyllaOptions<K, V, C>): Sink<K, V> => {
  const settings = settingsOf(options)
  return new ScyllaSink(options.name ?? `scylla-${settings.table}`, settings, options)
}

class ScyllaSink<K, V> implements Sink<K, V> {
  readonly name: string
  readonly idempotent = true
  readonly #settings: TableSettings
  readonly #options: ScyllaOptions<K, V, string>
  #users = 0
  #opening: Promise<Table<K, V>> | null = null
  #table: Table<K, V> | null = null

  constructor(name: string, settings: TableSettings, options: ScyllaOptions<K, V, string>) {
    this.name = name
    this.#settings = settings
    this.#options = options
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
    const connection = await connect(this.#options, tableOf(this.#settings))
    try {
      await ensureTable(connection.client, this.#settings)
      return new Table(this.#settings, this.#options, connection)
    } catch (thrown) {
      await connection.close()
      throw thrown
    }
  }

  async write(batch: readonly StreamRecord<K, V | null>[], signal: AbortSignal, places?: Places): Promise<void> {
    signal.throwIfAborted()
    if (this.#table === null) throw new SinkError('permanent', `${this.name} is not open: call open() first`)
    if (batch.length > 0) await this.#table.write(batch, signal, places)
  }

  async close(): Promise<void> {
    if (this.#users === 0 || --this.#users > 0) return
    const table = this.#table
    this.#table = null
    this.#opening = null
    await table?.close()
  }
}

/** One row's statement, and the place of its record. */
interface Statement {
  readonly index: number
  readonly query: string
  readonly params: unknown[]
}

/** The statements of one sink on its connection. */
class Table<K, V> {
  readonly #settings: TableSettings
  readonly #options: ScyllaOptions<K, V, string>
  readonly #connection: Connection
  readonly #versions: Versions<K, V>
  readonly #upsert: string
  readonly #remove: string
  readonly #key: readonly string[]
  readonly #isKey: readonly boolean[]
  readonly #isLong: readonly boolean[]
  readonly #keyIsLong: readonly boolean[]
  readonly #execution: object
  readonly #statementsMax: number
  readonly #partitionRowsMax: number

  constructor(settings: TableSettings, options: ScyllaOptions<K, V, string>, connection: Connection) {
    const { columns, types, partition, clustering } = settings
    this.#settings = settings
    this.#options = options
    this.#connection = connection
    this.#versions = new Versions(tableOf(settings), options)
    this.#key = [...partition, ...clustering]
    this.#isKey = columns.map(column => this.#key.includes(column))
    this.#isLong = types.map(isLong)
    this.#keyIsLong = this.#key.map(column => this.#isLong[columns.indexOf(column)]!)
    this.#upsert = upsertOf(settings, options.ttl !== undefined)
    this.#remove = removalOf(settings, this.#key)
    this.#execution = { prepare: true, isIdempotent: true, logged: false, consistency: consistencies[options.consistency ?? 'localQuorum'] }
    this.#statementsMax = options.statementsMax ?? 128
    this.#partitionRowsMax = options.partitionRowsMax ?? 20
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  async write(batch: readonly StreamRecord<K, V | null>[], signal: AbortSignal, places: Places | undefined): Promise<void> {
    const failures = new Map<number, SinkError>()
    const groups = this.#grouped(this.#statements(batch, places, failures))
    let next = 0
    const work = async (): Promise<void> => {
      while (next < groups.length && !signal.aborted) await this.#run(groups[next++]!, failures)
    }
    await Promise.all(Array.from({ length: Math.min(this.#statementsMax, groups.length) }, work))
    signal.throwIfAborted()
    if (failures.size > 0) throw batchError(tableOf(this.#settings), batch.length, failures)
  }

  #statements(
    batch: readonly StreamRecord<K, V | null>[],
    places: Places | undefined,
    failures: Map<number, SinkError>,
  ): readonly Statement[] {
    const statements: Statement[] = []
    for (let index = 0; index < batch.length; index++) {
      const record = batch[index]!
      // Before the row: what has no version is no row's fault.
      const version = this.#versions.of(record, places, index)
      try {
        statements.push(
          record.value === null ? this.#removal(record.key, index, version) : this.#row(record as StreamRecord<K, V>, index, version),
        )
      } catch (thrown) {
        failures.set(index, sinkError(tableOf(this.#settings), thrown))
      }
    }
    return statements
  }

  #row(record: StreamRecord<K, V>, index: number, version: number): Statement {
    const { columns } = this.#settings
    const { row: rowOf, ttl } = this.#options
    const row = called('row', () => rowOf(record.value, record))
    const params: unknown[] = []
    for (let i = 0; i < columns.length; i++) params.push(this.#bound(row[columns[i]!], columns[i]!, this.#isKey[i]!, this.#isLong[i]!))
    params.push(this.#connection.long(version))
    if (ttl !== undefined) params.push(typeof ttl === 'number' ? ttl : called('ttl', () => ttl(record.value, record)))
    return { index, query: this.#upsert, params }
  }

  #removal(key: K, index: number, version: number): Statement {
    const { keyOf } = this.#options
    if (keyOf === undefined) throw new BadRow('its value is null, which deletes a row: give the option keyOf, or drop nulls before')
    const row = called('keyOf', () => keyOf(key))
    const params: unknown[] = [this.#connection.long(version)]
    for (let i = 0; i < this.#key.length; i++) params.push(this.#bound(row[this.#key[i]!], this.#key[i]!, true, this.#keyIsLong[i]!))
    return { index, query: this.#remove, params }
  }

  #bound(value: CqlValue, column: string, key: boolean, long: boolean): unknown {
    if (value === undefined || value === null) {
      if (key) throw new BadRow(`key column ${column} is ${value}`)
      // The driver leaves a column whose value is undefined unset, which writes no tombstone.
      return value
    }
    return long && (typeof value === 'number' || typeof value === 'bigint') ? this.#connection.long(value) : value
  }

  /** Rows of one partition go together; of a table without clustering columns each row is a partition. */
  #grouped(statements: readonly Statement[]): readonly (readonly Statement[])[] {
    const { partition, clustering } = this.#settings
    if (clustering.length === 0 || this.#partitionRowsMax === 1) return statements.map(statement => [statement])
    const at = partition.map(column => this.#settings.columns.indexOf(column))
    const open = new Map<unknown, Statement[]>()
    const groups: Statement[][] = []
    for (const statement of statements) {
      const { params, query } = statement
      const first = query === this.#upsert ? at : partition.map((_, i) => i + 1)
      const id =
        first.length === 1 && typeof params[first[0]!] === 'string' ? params[first[0]!] : first.map(i => String(params[i])).join('\0')
      const group = open.get(id)
      if (group !== undefined && group.length < this.#partitionRowsMax) group.push(statement)
      else {
        const started = [statement]
        open.set(id, started)
        groups.push(started)
      }
    }
    return groups
  }

  async #run(group: readonly Statement[], failures: Map<number, SinkError>): Promise<void> {
    const { client } = this.#connection
    try {
      if (group.length === 1) await client.execute(group[0]!.query, group[0]!.params, this.#execution)
      else await client.batch(group as Statement[], this.#execution)
    } catch (thrown) {
      const error = sinkError(tableOf(this.#settings), thrown)
      // One row, or their sum, is what the database refuses: each alone tells.
      if (error.kind === 'poison' && group.length > 1) for (const statement of group) await this.#run([statement], failures)
      else for (const { index } of group) failures.set(index, error)
    }
  }
}

/** Versions that a record of the input may have of its own: so many of its results may change one row. */
const versionsPerOffset = 1000

/** The write timestamps of records. */
class Versions<K, V> {
  readonly #table: string
  readonly #given: ScyllaOptions<K, V, string>['version']
  readonly #epoch: number
  #topic: string | undefined

  constructor(table: string, { version, epoch = 0 }: ScyllaOptions<K, V, string>) {
    this.#table = table
    this.#given = version
    this.#epoch = epoch
  }

  of(record: StreamRecord<K, V | null>, places: Places | undefined, index: number): number {
    const version = this.#given === undefined ? this.#fromOffset(places, index) : this.#given(record.value, record)
    if (Number.isSafeInteger(version)) return version
    throw new SinkError('permanent', `${this.#table}: version() gave ${version}: give a whole number`)
  }

  #fromOffset(places: Places | undefined, index: number): number {
    const at = places?.position(index) ?? null
    const nth = places?.nth(index) ?? 0
    this.#topic ??= at?.topic
    if (at === null || at.offset < 0) throw this.#unversioned('records that no offset led to')
    if (at.topic !== this.#topic)
      throw this.#unversioned(`records of several topics (${this.#topic}, ${at.topic}), whose offsets cannot be compared`)
    if (nth >= versionsPerOffset) throw this.#unversioned(`more than ${versionsPerOffset} records from one input record`)
    return this.#epoch + at.offset * versionsPerOffset + nth
  }

  #unversioned(what: string): SinkError {
    return new SinkError('permanent', `${this.#table} gets ${what}: give the option version, a number that grows with each change of a row`)
  }
}

const isLong = (type: string): boolean => ['bigint', 'varint'].includes(type.toLowerCase())

/** What a function of the options answers; what it throws is a bad row. */
const called = <T>(name: string, f: () => T): T => {
  try {
    return f()
  } catch (cause) {
    throw new BadRow(`${name}() threw: ${reasonOf(cause)}`, { cause })
  }
}

const upsertOf = (settings: TableSettings, ttl: boolean): string => {
  const { columns } = settings
  const places = columns.map(() => '?').join(', ')
  const using = `USING TIMESTAMP ?${ttl ? ' AND TTL ?' : ''}`
  return `INSERT INTO ${tableOf(settings)} (${columns.map(quote).join(', ')}) VALUES (${places}) ${using}`
}

const removalOf = (settings: TableSettings, key: readonly string[]): string =>
  `DELETE FROM ${tableOf(settings)} USING TIMESTAMP ? WHERE ${key.map(column => `${quote(column)} = ?`).join(' AND ')}`
