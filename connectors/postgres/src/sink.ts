import { type Places, type Sink, SinkError, type StreamRecord } from '@riacho/streams'
import { reasonOf } from '@riacho/streams/engine'
import { type Connection, Connections, ensureTable, type FoundColumn } from './client.ts'
import { BadRow, batchError, isPoison, isSameRowTwice, sinkError } from './errors.ts'
import { type PostgresOptions, type PostgresValue, quote, settingsOf, type TableSettings } from './options.ts'

/**
 * A sink of upserts into a table of PostgreSQL: one statement a batch, which the server takes whole or not at all; a null value deletes by key. With `version` a row is
 * changed only by what is not older than it.
 *
 * @example
 * persist(postgres({ url: 'postgresql://app@db/app', table: 'event', columns: { uid: 'text', client: 'text' }, key: ['uid'], row: e => e }))
 *
 * Throws `RIACHO_POSTGRES_OPTION`. `write` rejects with a SinkError whose `failures` say which rows were not written; all others were.
 */
export const postgres = <K, V, const C extends string>(options: PostgresOptions<K, V, C>): Sink<K, V> => {
  const settings = settingsOf(options)
  return new PostgresSink(options.name ?? `postgres-${options.table}`, settings, options)
}

const never = new AbortController().signal

class PostgresSink<K, V> implements Sink<K, V> {
  readonly name: string
  readonly idempotent = true
  readonly #settings: TableSettings
  readonly #options: PostgresOptions<K, V, string>
  #users = 0
  #opening: Promise<Table<K, V>> | null = null
  #table: Table<K, V> | null = null

  constructor(name: string, settings: TableSettings, options: PostgresOptions<K, V, string>) {
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
    const connections = new Connections(this.#options, this.#options.connectionsMax ?? 8)
    try {
      const columns = await connections.use(never, connection => ensureTable(connection, this.#settings, never))
      return new Table(this.#settings, columns, this.#options, connections)
    } catch (thrown) {
      connections.close()
      throw sinkError(this.#settings.table, thrown)
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
    table?.close()
  }
}

/** The texts of a row's columns; null is NULL, undefined is not said. */
type Texts = readonly (string | null | undefined)[]

/** What one record, or the records of one row in a batch together, come to. */
interface Change {
  /** The place of the record in the batch. */
  readonly index: number
  /** Of its key's columns. */
  readonly key: Texts
  /** A null value was there: what the table holds goes before the row comes. */
  readonly removes: boolean
  readonly row: Texts | null
  readonly version: number
}

/** The statements of one sink. */
class Table<K, V> {
  readonly #settings: TableSettings
  readonly #columns: readonly FoundColumn[]
  readonly #key: readonly FoundColumn[]
  /** Equal keys have equal texts. */
  readonly #exact: boolean
  /** The places of the key's columns among all. */
  readonly #keyAt: readonly number[]
  readonly #options: PostgresOptions<K, V, string>
  readonly #connections: Connections
  readonly #versions: Versions<K, V>

  constructor(settings: TableSettings, columns: readonly FoundColumn[], options: PostgresOptions<K, V, string>, connections: Connections) {
    this.#settings = settings
    this.#columns = columns.filter(({ name }) => name !== settings.version)
    this.#keyAt = settings.key.map(name => columns.findIndex(column => column.name === name))
    this.#key = this.#keyAt.map(at => columns[at]!)
    this.#exact = this.#key.every(({ type, array }) => exactTypes.has(type) && !array)
    this.#options = options
    this.#connections = connections
    this.#versions = new Versions(settings.table, options.version)
  }

  close(): void {
    this.#connections.close()
  }

  async write(batch: readonly StreamRecord<K, V | null>[], signal: AbortSignal, places: Places | undefined): Promise<void> {
    const { table } = this.#settings
    const failures = new Map<number, SinkError>()
    const changes: Change[] = []
    for (let index = 0; index < batch.length; index++) {
      // Before the row: what has no version is no row's fault.
      const version = this.#versions.of(batch[index]!, places, index)
      try {
        changes.push(this.#changeOf(batch[index]!, index, version))
      } catch (thrown) {
        failures.set(index, sinkError(table, thrown))
      }
    }
    try {
      await this.#connections.use(signal, async connection => {
        for (const part of this.#exact ? [changes] : inStretches(changes)) await this.#put(connection, part, signal, failures)
      })
    } catch (thrown) {
      signal.throwIfAborted()
      throw sinkError(table, thrown)
    }
    if (failures.size > 0) throw batchError(table, batch.length, failures)
  }

  #changeOf(record: StreamRecord<K, V | null>, index: number, version: number): Change {
    const { row: rowOf, keyOf } = this.#options
    if (record.value !== null) {
      const given = called('row', () => rowOf(record.value as V, record as StreamRecord<K, V>))
      const row = this.#columns.map(column => textOf(given[column.name], column))
      const key = this.#keyAt.map(at => keyText(row[at], this.#columns[at]!))
      return { index, key, removes: false, row, version }
    }
    if (keyOf === undefined) throw new BadRow('its value is null, which deletes a row: give the option keyOf, or drop nulls before')
    const given = called('keyOf', () => keyOf(record.key))
    return { index, key: this.#key.map(column => keyText(textOf(given[column.name], column), column)), removes: true, row: null, version }
  }

  /** Writes changes, and the others when some cannot be written, which `failures` takes. Throws when no row is to blame. */
  async #put(connection: Connection, changes: readonly Change[], signal: AbortSignal, failures: Map<number, SinkError>): Promise<void> {
    try {
      await this.#run(connection, merged(changes), signal)
    } catch (thrown) {
      if (!isPoison(thrown) && !(isSameRowTwice(thrown) && changes.length > 1)) throw thrown
      if (changes.length === 1) failures.set(changes[0]!.index, sinkError(this.#settings.table, thrown))
      else {
        // The server says that a row is to blame, and not which: halves tell. In order, because records of one row may be in both.
        const half = changes.length >> 1
        await this.#put(connection, changes.slice(0, half), signal, failures)
        await this.#put(connection, changes.slice(half), signal, failures)
      }
    }
  }

  /** Removals first: a row that comes after one begins anew. Rows that say the same columns are one statement. */
  async #run(connection: Connection, changes: readonly Change[], signal: AbortSignal): Promise<void> {
    const removals = changes.filter(({ removes }) => removes)
    if (removals.length > 0) {
      const texts = this.#key.map((_, at) => arrayOf(removals, ({ key }) => key[at]!))
      await connection.query(removalOf(this.#settings, this.#key), this.#withVersions(texts, removals), signal)
    }
    const rows = changes.filter(({ row }) => row !== null)
    for (const [said, alike] of Map.groupBy(rows, ({ row }) => saidBy(row!))) {
      const columns = this.#columns.filter((_, at) => said[at] !== '0')
      const texts = columns.map(column => {
        const at = this.#columns.indexOf(column)
        return arrayOf(alike, ({ row }) => row![at]!)
      })
      await connection.query(upsertOf(this.#settings, columns), this.#withVersions(texts, alike), signal)
    }
  }

  #withVersions(texts: string[], changes: readonly Change[]): string[] {
    if (this.#settings.version !== undefined) texts.push(arrayOf(changes, ({ version }) => String(version)))
    return texts
  }
}

/** Types of keys of which one value has one text, as drivers and applications write it. */
const exactTypes: ReadonlySet<string> = new Set(['text', 'character varying', 'smallint', 'integer', 'bigint'])

/** Changes cut wherever removals follow rows, or rows removals: what is one row by other texts is then at least in order. */
const inStretches = (changes: readonly Change[]): readonly (readonly Change[])[] => {
  const parts: Change[][] = []
  for (const change of changes) {
    const last = parts.at(-1)
    if (last !== undefined && last[0]!.removes === change.removes) last.push(change)
    else parts.push([change])
  }
  return parts
}

/** One change a row: what its records come to, in order of their versions and else of their places. */
const merged = (changes: readonly Change[]): readonly Change[] => {
  const rows = new Map<string, Change>()
  for (const change of changes) {
    // No text of PostgreSQL holds the character 0.
    const id = change.key.length === 1 ? change.key[0]! : change.key.join('\0')
    const before = rows.get(id)
    if (before === undefined) rows.set(id, change)
    else if (change.version >= before.version)
      rows.set(id, { ...change, removes: change.removes || before.removes, row: over(change.row, before.row) })
  }
  return [...rows.values()]
}

/** A row over an older one, of which it leaves what it does not say. */
const over = (row: Texts | null, older: Texts | null): Texts | null =>
  row === null || older === null || !row.includes(undefined) ? row : row.map((text, at) => (text === undefined ? older[at] : text))

/** Which columns a row says, as a character each; empty when it says all. */
const saidBy = (row: Texts): string => (row.includes(undefined) ? row.map(text => (text === undefined ? '0' : '1')).join('') : '')

/** Versions that a record of the input may have of its own: so many of its results may change one row. */
const versionsPerOffset = 1000

/** The versions of records; all 0 where none are kept. */
class Versions<K, V> {
  readonly #table: string
  readonly #version: PostgresOptions<K, V, string>['version']
  #topic: string | undefined

  constructor(table: string, version: PostgresOptions<K, V, string>['version']) {
    this.#table = table
    this.#version = version
  }

  of(record: StreamRecord<K, V | null>, places: Places | undefined, index: number): number {
    if (this.#version === undefined) return 0
    const { of, epoch = 0 } = this.#version
    const version = of === undefined ? epoch + this.#fromOffset(places, index) : of(record.value, record)
    if (Number.isSafeInteger(version)) return version
    throw new SinkError('permanent', `${this.#table}: the version of a record is ${version}: give a whole number`)
  }

  #fromOffset(places: Places | undefined, index: number): number {
    const at = places?.position(index) ?? null
    const nth = places?.nth(index) ?? 0
    this.#topic ??= at?.topic
    if (at === null || at.offset < 0) throw this.#unversioned('records that no offset led to')
    if (at.topic !== this.#topic)
      throw this.#unversioned(`records of several topics (${this.#topic}, ${at.topic}), whose offsets cannot be compared`)
    if (nth >= versionsPerOffset) throw this.#unversioned(`more than ${versionsPerOffset} records from one input record`)
    return at.offset * versionsPerOffset + nth
  }

  #unversioned(what: string): SinkError {
    return new SinkError('permanent', `${this.#table} gets ${what}: give version.of, a number that grows with each change of a row`)
  }
}

/** What a function answers; what it throws is a bad row. */
const called = <T>(name: string, f: () => T): T => {
  try {
    return f()
  } catch (cause) {
    throw new BadRow(`${name}() threw: ${reasonOf(cause)}`, { cause })
  }
}

const keyText = (text: string | null | undefined, { name }: FoundColumn): string => {
  if (text === null || text === undefined) throw new BadRow(`key column ${name} is ${text}`)
  return text
}

/** A value as the server reads it. */
const textOf = (value: PostgresValue, { name, type, array }: FoundColumn): string | null | undefined => {
  if (value === null || value === undefined) return value
  if (typeof value === 'string' && !type.startsWith('json')) return value
  try {
    if (array && Array.isArray(value)) return arrayText(value as readonly PostgresValue[])
    return type === 'json' || type === 'jsonb' ? jsonText(value) : plainText(value)
  } catch (cause) {
    throw new BadRow(`column ${name} cannot hold this value: ${reasonOf(cause)}`, { cause })
  }
}

const plainText = (value: NonNullable<PostgresValue>): string => {
  if (typeof value === 'string') return value
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  return typeof value === 'object' ? jsonText(value) : String(value)
}

const jsonText = (value: NonNullable<PostgresValue>): string => {
  const text = JSON.stringify(value)
  if (text === undefined) throw new TypeError(`a ${typeof value} is no JSON`)
  return text
}

const arrayText = (values: readonly PostgresValue[]): string =>
  `{${values.map(value => (Array.isArray(value) ? arrayText(value) : element(value == null ? null : plainText(value)))).join()}}`

const special = /["\\]/
const element = (text: string | null): string => {
  if (text === null) return 'NULL'
  return special.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : `"${text}"`
}

/** A column of changes as one text, so that a batch is as many parameters as it has columns. */
const arrayOf = (changes: readonly Change[], text: (change: Change) => string | null): string => {
  let all = '{'
  for (let at = 0; at < changes.length; at++) all += `${at === 0 ? '' : ','}${element(text(changes[at]!))}`
  return `${all}}`
}

const list = (names: readonly string[], each = quote): string => names.map(each).join(', ')

const version = (name: string): FoundColumn => ({ name, type: 'bigint', array: false, required: false })

/** Rows of a batch as SQL: a column of arrays cannot be unnested as such, so each of its arrays travels as text. */
const unnested = (columns: readonly FoundColumn[]): string =>
  `unnest(${columns.map(({ type, array }, at) => `$${at + 1}::${array ? 'text' : type}[]`).join(', ')}) as given (${list(columns.map(({ name }) => name))})`

const given = ({ name, type, array }: FoundColumn): string => `given.${quote(name)}${array ? `::${type}` : ''}`

const notNewer = (name: string, by: string): string => `(held.${quote(name)} is null or held.${quote(name)} <= ${by}.${quote(name)})`

const upsertOf = ({ table, key, version: by }: TableSettings, columns: readonly FoundColumn[]): string => {
  const all = by === undefined ? columns : [...columns, version(by)]
  const names = all.map(({ name }) => name)
  const rest = names.filter(name => !key.includes(name))
  const update = `update set ${list(rest, name => `${quote(name)} = excluded.${quote(name)}`)}${by === undefined ? '' : ` where ${notNewer(by, 'excluded')}`}`
  return `insert into ${table} as held (${list(names)}) select ${all.map(given).join(', ')} from ${unnested(all)}
on conflict (${list(key)}) do ${rest.length === 0 ? 'nothing' : update}`
}

const removalOf = ({ table, version: by }: TableSettings, key: readonly FoundColumn[]): string => {
  const same = key.map(column => `held.${quote(column.name)} = ${given(column)}`)
  const all = by === undefined ? key : [...key, version(by)]
  return `delete from ${table} as held using ${unnested(all)} where ${[...same, ...(by === undefined ? [] : [notNewer(by, 'given')])].join(' and ')}`
}
