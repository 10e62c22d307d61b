import { setTimeout as sleep } from 'node:timers/promises'
import { type Headers, type Source, type SourceReader, type SourceRecord, text } from '@riacho/streams'
import { RiachoError, reasonOf } from '@riacho/streams/engine'
import { Connection, columnsOf } from './client.ts'
import { outboxError } from './errors.ts'
import { type OutboxOptions, type OutboxSettings, outboxOf, quote } from './options.ts'

/**
 * A source of the rows of an outbox table, in the order of their ids as far as they are visible. A row is locked while the pipeline has it (`for update skip locked`), so
 * that others who read the table pass over it, and deleted or marked after the commit that covers it: none is lost, whichever transaction committed first, and some may come
 * twice: never exactly once.
 *
 * @example
 * source(outbox({ url: 'postgresql://app@db/app', table: 'outbox', value: json<Event>() }))
 *
 * Throws `RIACHO_POSTGRES_OPTION`.
 */
export const outbox = <V>(options: OutboxOptions<V>): Source<string, V> => {
  const settings = outboxOf(options)
  const name = options.schema === undefined ? options.table : `${options.schema}.${options.table}`
  const partitions = Array.from({ length: options.partitions ?? 1 }, (_, i) => (i === 0 ? name : `${name}-${i}`))
  return {
    name: options.name ?? `outbox-${name}`,
    positions: 'acknowledged',
    keyed: false,
    key: text,
    value: options.value,
    async partitions() {
      await statementsOf(options, settings)
      return partitions
    },
    open: (_, from) => new OutboxReader(options, settings, from === null ? 0 : Number(Buffer.from(from).readBigUInt64BE())),
  }
}

const never = new AbortController().signal

/** Rows left that are counted at most: a number for people, and a table may hold millions. */
const lagMax = 10_000

/** Transactions that hold rows at once: one that a commit cuts in two, and one that takes more. */
const holdsMax = 2

/** What a reader says to the server. */
interface Statements {
  /** Ids to pass over, and how many rows at most. */
  readonly take: string
  /** Ids, of rows that the transaction holds. */
  readonly acknowledge: string
  /** Ids, of rows that others may hold: theirs are passed over, and given back. */
  readonly acknowledgeFree: string
  /** How many rows at most. */
  readonly count: string
}

interface Row {
  readonly id: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number | null
  readonly headers: string | null
}

/** Rows that were given out, and the open transaction that has locked them. */
interface Hold {
  readonly connection: Connection
  /** Numbers and ids of the rows, in the order in which they were given. */
  readonly rows: { readonly number: number; readonly id: string }[]
  /** Commits cover so many of the rows. */
  covered: number
}

class OutboxReader implements SourceReader {
  readonly #options: OutboxOptions<unknown>
  readonly #settings: OutboxSettings
  readonly #pendingMax: number
  readonly #closing = new AbortController()
  /** Oldest first. */
  #holds: Hold[] = []
  #spare: Connection | undefined
  #statements: Statements | undefined
  /** The last number that was given. */
  #number: number
  /** Commits and reads come side by side, and take turns. */
  #turns: Promise<unknown> = Promise.resolve()

  constructor(options: OutboxOptions<unknown>, settings: OutboxSettings, number: number) {
    this.#options = options
    this.#settings = settings
    this.#number = number
    this.#pendingMax = options.pendingMax ?? 10_000
  }

  async read(recordsMax: number, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    const ends = AbortSignal.any([signal, this.#closing.signal])
    while (!ends.aborted) {
      const records = await this.#inTurn(() => this.#take(recordsMax))
      if (records.length > 0) return records
      await sleep(this.#options.poll ?? 100, undefined, { signal: ends }).catch(() => {})
    }
    return []
  }

  commit(upTo: Uint8Array): Promise<void> {
    const last = Number(Buffer.from(upTo).readBigUInt64BE())
    return this.#inTurn(async () => {
      for (const hold of this.#holds) hold.covered = hold.rows.filter(({ number }) => number <= last).length
      // The engine's commit stands, whether the server answers or not: what fails here, the next read does again before all else.
      await this.#acknowledge().catch(() => {})
    })
  }

  lag(): Promise<number> {
    return this.#inTurn(async () => {
      const { count } = await this.#said()
      const held = this.#held().length
      const connection = await this.#connection()
      const [found] = await ask<{ count: number }>(connection, count, [held + lagMax])
      this.#keep(connection)
      return Math.max(0, found!.count - held)
    })
  }

  close(): Promise<void> {
    this.#closing.abort()
    return this.#inTurn(async () => {
      for (const hold of this.#holds) {
        // What no commit covers is for whoever reads next, at once; when the server cannot be told, it is when it notices.
        hold.rows.splice(hold.covered)
        await this.#release(hold).catch(() => {})
        hold.connection.close()
      }
      this.#holds = []
      this.#spare?.close()
    })
  }

  async #take(recordsMax: number): Promise<readonly SourceRecord[]> {
    await this.#acknowledge()
    const held = this.#held()
    const most = Math.min(recordsMax, this.#pendingMax - held.length)
    const hold = most > 0 ? await this.#filling() : undefined
    if (hold === undefined) return []
    try {
      const rows = await ask<Row>(hold.connection, (await this.#said()).take, [held, most])
      // All are read before any counts: a row that no record was made of may never be acknowledged.
      const records = rows.map((row, i) => recordOf(row, this.#number + 1 + i))
      if (hold.rows.length === 0) {
        if (rows.length === 0) await this.#release(hold)
        else this.#holds.push(hold)
      }
      for (const { id } of rows) hold.rows.push({ number: ++this.#number, id })
      return records
    } catch (thrown) {
      // Nobody else knows of it, and it may have locked rows.
      if (!this.#holds.includes(hold)) hold.connection.close()
      throw thrown
    }
  }

  /** Ids of all rows that the pipeline has, or that are covered and not acknowledged. */
  #held(): string[] {
    return this.#holds.flatMap(({ rows }) => rows.map(({ id }) => id))
  }

  /** The transaction that takes more rows, if there may be one: a new one when the last is cut by a commit, because it can only end with all its rows. */
  async #filling(): Promise<Hold | undefined> {
    const live = this.#holds.filter(({ connection }) => !connection.broken)
    const last = live.at(-1)
    if (last?.covered === 0) return last
    if (live.length >= holdsMax) return undefined
    const connection = await this.#connection()
    await ask(connection, 'begin isolation level read committed', [])
    return { connection, rows: [], covered: 0 }
  }

  /** Ends the transactions whose rows are all covered. */
  async #acknowledge(): Promise<void> {
    for (const hold of this.#holds.filter(({ covered, rows }) => covered === rows.length)) {
      await this.#release(hold)
      if (hold.rows.length === 0) this.#holds = this.#holds.filter(each => each !== hold)
    }
  }

  /**
   * Acknowledges the rows of a hold and ends its transaction. When that was lost with its connection, so were the locks: then rows that somebody else has locked meanwhile, be it
   * only a connection that the server takes for alive, stay in the hold until they are gone.
   */
  async #release(hold: Hold): Promise<void> {
    const { connection, rows } = hold
    const ids = rows.map(({ id }) => id)
    if (!connection.broken) {
      try {
        if (ids.length > 0) await ask(connection, (await this.#said()).acknowledge, [ids])
        await ask(connection, 'commit', [])
        rows.length = 0
        return this.#keep(connection)
      } catch {
        // Whether it has ended or not: what follows does no harm.
      }
    }
    if (ids.length === 0) return
    const other = await this.#connection()
    const kept = await ask<{ id: string }>(other, (await this.#said()).acknowledgeFree, [ids])
    this.#keep(other)
    const left = new Set(kept.map(({ id }) => id))
    rows.splice(0, rows.length, ...rows.filter(({ id }) => left.has(id)))
    hold.covered = rows.length
  }

  async #connection(): Promise<Connection> {
    const spare = this.#spare
    this.#spare = undefined
    return spare !== undefined && !spare.broken ? spare : await Connection.open(this.#options, never)
  }

  #keep(connection: Connection): void {
    if (this.#spare !== undefined || this.#closing.signal.aborted) connection.close()
    else this.#spare = connection
  }

  async #said(): Promise<Statements> {
    this.#statements ??= await statementsOf(this.#options, this.#settings)
    return this.#statements
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(work)
    this.#turns = turn.catch(() => {})
    return turn
  }
}

/** Says one thing to the server. A connection on which it fails is closed, and its transaction with it. */
const ask = async <R extends object>(connection: Connection, statement: string, values: unknown[]): Promise<R[]> => {
  try {
    return await connection.query<R>(statement, values, never)
  } catch (thrown) {
    connection.close()
    throw thrown
  }
}

/** Looks at the table, and says what is said to it. Throws `RIACHO_POSTGRES_OUTBOX`. */
const statementsOf = async (options: OutboxOptions<unknown>, { table, columns, mark }: OutboxSettings): Promise<Statements> => {
  let connection: Connection | undefined
  try {
    connection = await Connection.open(options, never)
    const found = await columnsOf(connection, table, never)
    if (found.size === 0) throw outboxError(table, 'does not exist: create it (the README of @riacho/postgres shows how)')
    const typeOf = (name: string): string => {
      const column = found.get(name)
      if (column === undefined) throw outboxError(table, `has no column ${name}: correct the options, or change the table`)
      return column.type
    }
    const [id, idType] = [quote(columns.id!), typeOf(columns.id!)]
    const bytes = (name: string | null): string => {
      if (name === null) return 'null'
      return typeOf(name) === 'bytea' ? quote(name) : `convert_to(${quote(name)}::text, 'UTF8')`
    }
    const time =
      columns.timestamp === null ? 'null' : `floor(extract(epoch from ${typeOf(columns.timestamp) && quote(columns.timestamp)}) * 1000)`
    const headers = columns.headers === null ? 'null' : `${typeOf(columns.headers) && quote(columns.headers)}::text`
    const free = mark === null ? 'true' : `${typeOf(mark) && quote(mark)} is null`
    const done = mark === null ? `delete from ${table}` : `update ${table} set ${quote(mark)} = clock_timestamp()`
    const these = `${id} = any($1::${idType}[])`
    return {
      take: `select ${id}::text as id, ${bytes(columns.key)} as key, ${bytes(columns.value)} as value, ${time}::float8 as timestamp, ${headers} as headers
from ${table} where ${free} and ${id} <> all($1::${idType}[]) order by ${table}.${id} limit $2 for update skip locked`,
      acknowledge: `${done} where ${these}`,
      acknowledgeFree: `with done as (${done} where ${id} in (select ${id} from ${table} where ${these} and ${free} for update skip locked) returning ${id})
select ${id}::text as id from ${table} where ${these} and ${free} and ${id} not in (select ${id} from done)`,
      count: `select count(*)::int as count from (select from ${table} where ${free} limit $1) as rest`,
    }
  } catch (thrown) {
    if (thrown instanceof RiachoError) throw thrown
    throw outboxError(table, `cannot be read (${reasonOf(thrown)}): look at the server's address, the login and its rights`, thrown)
  } finally {
    connection?.close()
  }
}

const recordOf = ({ id, key, value, timestamp, headers }: Row, number: number): SourceRecord => {
  const position = Buffer.alloc(8)
  position.writeBigUInt64BE(BigInt(number))
  return {
    key,
    value,
    timestamp: timestamp ?? Date.now(),
    headers: headers === null ? [] : headersOf(headers),
    // An id that is no number, such as a UUID, leaves the reader's own.
    offset: Number.isSafeInteger(Number(id)) ? Number(id) : number,
    position,
  }
}

/** The entries of a JSON object; of any other document none. */
const headersOf = (json: string): Headers => {
  const document: unknown = JSON.parse(json)
  if (typeof document !== 'object' || document === null) return []
  return Object.entries(document).map(([name, value]): Headers[number] => [
    name,
    value === null ? null : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  ])
}
