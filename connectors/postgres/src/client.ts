import { connect as connectTo } from 'node:net'
import { Client, type ClientConfig, type QueryResultRow } from 'pg'
import { schemaError, sinkError, stateOf } from './errors.ts'
import { type Column, quote, type Server, type TableSettings } from './options.ts'

/** Most milliseconds until a connection is there. */
const connectWithin = 5000
/** Milliseconds that a cancelled statement, or a connection, has to end before its socket is given up: less than the second that a stage waits for a write that it aborted. */
const cancelWithin = 500
/** Of the protocol: begins a request to cancel. */
const cancelRequest = 80_877_102

const configOf = ({ url, host, port, database, user, password, tls }: Server): ClientConfig => {
  const from = url === undefined ? undefined : new URL(url)
  const given = {
    host: host ?? from?.hostname.replace(/^\[|\]$/g, ''),
    port: port ?? (from?.port ? Number(from.port) : undefined),
    database: database ?? (from && decodeURIComponent(from.pathname.slice(1))),
    user: user ?? (from && decodeURIComponent(from.username)),
    password: password ?? (from && decodeURIComponent(from.password)),
    ssl: tls && { rejectUnauthorized: true, ...tls },
  }
  const said = Object.entries(given).filter(([, value]) => value !== undefined && value !== '')
  return { ...Object.fromEntries(said), keepAlive: true, connectionTimeoutMillis: connectWithin, application_name: 'riacho' }
}

/** What `pg` keeps of a connection, beyond its types. */
interface Wire {
  readonly connection: { readonly stream: { destroy(): void } }
  readonly processID: number
  readonly secretKey: number
}

/** One connection. Its statements can be given up, and after that, or after a failure of the connection, it is `broken`: it takes no more. */
export class Connection {
  readonly #client: Client
  readonly #timeout: number
  #broken = false

  private constructor(server: Server) {
    this.#client = new Client(configOf(server))
    this.#timeout = server.requestTimeout ?? 10_000
    const lost = (): void => {
      this.#broken = true
    }
    this.#client.on('error', lost)
    this.#client.on('end', lost)
  }

  /** Connects. Rejects with what `pg` rejects with, soon after an abort too. */
  static async open(server: Server, signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted()
    const connection = new Connection(server)
    const give = (): void => connection.#wire.connection.stream.destroy()
    signal.addEventListener('abort', give, { once: true })
    try {
      await connection.#client.connect()
      return connection
    } catch (thrown) {
      connection.close()
      throw thrown
    } finally {
      signal.removeEventListener('abort', give)
    }
  }

  get broken(): boolean {
    return this.#broken
  }

  /** Runs a statement; past the time, or when aborted, it is cancelled at the server. */
  async query<R extends QueryResultRow>(text: string, values: unknown[], signal: AbortSignal): Promise<R[]> {
    signal.throwIfAborted()
    let patience: NodeJS.Timeout | undefined
    const give = (): void => {
      // The request may come when the statement is done, and hit the next one: there is none.
      this.#broken = true
      this.#cancel()
      patience ??= setTimeout(() => this.#wire.connection.stream.destroy(), cancelWithin)
    }
    const timer = setTimeout(give, this.#timeout)
    signal.addEventListener('abort', give, { once: true })
    try {
      return (await this.#client.query<R>(text, values)).rows
    } finally {
      clearTimeout(timer)
      clearTimeout(patience)
      signal.removeEventListener('abort', give)
      // It may have come to its end in time and be open, with a transaction and its locks.
      if (this.#broken) this.close()
    }
  }

  /** Ends it, and with it a transaction that is open, whether the server hears of it or not. */
  close(): void {
    this.#broken = true
    const destroyed = setTimeout(() => this.#wire.connection.stream.destroy(), cancelWithin).unref()
    this.#client.end().then(
      () => clearTimeout(destroyed),
      () => {},
    )
  }

  get #wire(): Wire {
    return this.#client as unknown as Wire
  }

  /** As the protocol has it: by a connection of its own, on which nothing else is said. */
  #cancel(): void {
    const { host, port } = this.#client
    const request = Buffer.alloc(16)
    for (const [index, word] of [16, cancelRequest, this.#wire.processID, this.#wire.secretKey].entries())
      request.writeInt32BE(word, index * 4)
    const socket = host.startsWith('/') ? connectTo(`${host}/.s.PGSQL.${port}`) : connectTo(port, host)
    socket.on('error', () => {})
    socket.setTimeout(cancelWithin, () => socket.destroy())
    socket.end(request)
  }
}

/** At most `connectionsMax` connections, opened when needed; who comes when all are in use waits. */
export class Connections {
  readonly #server: Server
  readonly #connectionsMax: number
  readonly #idle: Connection[] = []
  readonly #waiting: (() => void)[] = []
  #used = 0
  #closed = false

  constructor(server: Server, connectionsMax: number) {
    this.#server = server
    this.#connectionsMax = connectionsMax
  }

  /** Lends a connection. Rejects with what `work` or `pg` rejects with, or with the signal's reason. */
  async use<T>(signal: AbortSignal, work: (connection: Connection) => Promise<T>): Promise<T> {
    while (this.#used >= this.#connectionsMax) await this.#turn(signal)
    this.#used++
    let connection: Connection | undefined
    try {
      while (this.#idle.at(-1)?.broken) this.#idle.pop()
      connection = this.#idle.pop() ?? (await Connection.open(this.#server, signal))
      return await work(connection)
    } finally {
      this.#used--
      if (connection !== undefined && !connection.broken && !this.#closed) this.#idle.push(connection)
      else connection?.close()
      this.#waiting.shift()?.()
    }
  }

  close(): void {
    this.#closed = true
    for (const connection of this.#idle.splice(0)) connection.close()
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const give = (): void => {
      // It may have been given its turn just now.
      const at = this.#waiting.indexOf(resolve)
      if (at >= 0) this.#waiting.splice(at, 1)
      reject(signal.reason)
    }
    this.#waiting.push(resolve)
    signal.addEventListener('abort', give, { once: true })
    await promise.finally(() => signal.removeEventListener('abort', give))
  }
}

/** A column of a table, as the server has it. */
export interface FoundColumn {
  readonly name: string
  /** Without its length or precision, so that values are not cut to it without an error. */
  readonly type: string
  readonly array: boolean
  /** A row must say it. */
  readonly required: boolean
}

const columnsQuery = `
select a.attname as name, format_type(a.atttypid, -1) as type, t.typcategory = 'A' as array,
  a.attnotnull and not a.atthasdef and a.attidentity = '' as required
from pg_attribute a join pg_type t on t.oid = a.atttypid
where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped`

/** The columns of a table, by name; none when there is no such table. */
export const columnsOf = async (connection: Connection, table: string, signal: AbortSignal): Promise<Map<string, FoundColumn>> => {
  const found = await connection.query<FoundColumn>(columnsQuery, [table], signal)
  return new Map(found.map(column => [column.name, column]))
}

/** The columns of each unique index that a conflict can be told by. */
const uniqueQuery = `
select array_agg(a.attname::text) as columns
from pg_index i cross join unnest(i.indkey::int2[]) with ordinality as k(number, place)
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
where i.indrelid = to_regclass($1) and i.indisunique and i.indisvalid and i.indimmediate
  and i.indpred is null and i.indexprs is null and k.place <= i.indnkeyatts
group by i.indexrelid`

const typesQuery =
  'select format_type(to_regtype(name), -1) as type from unnest($1::text[]) with ordinality as given(name, place) order by place'

/** Makes the table if the options say so, compares the one that is there with them, and gives its columns in the order of the options. Throws a SinkError. */
export const ensureTable = async (
  connection: Connection,
  settings: TableSettings,
  signal: AbortSignal,
): Promise<readonly FoundColumn[]> => {
  const { table, columns, key, create } = settings
  try {
    if (create) await connection.query(creation(settings), [], signal).catch(madeMeanwhile)
    const found = await columnsOf(connection, table, signal)
    if (found.size === 0) throw schemaError(table, 'does not exist (give create: true to make it)')
    const bare = columns.map(({ type }) => type.replace(/ not null$/i, ''))
    const types = await connection.query<{ type: string | null }>(typesQuery, [bare], signal)
    const inOrder = columns.map((column, index) => checked(table, column, types[index]!.type, found))
    for (const { name, required } of found.values()) {
      if (required && !inOrder.some(column => column.name === name))
        throw schemaError(table, `needs a value for ${name}, which is not among the columns`)
    }
    const unique = await connection.query<{ columns: string[] }>(uniqueQuery, [table], signal)
    if (!unique.some(index => [...index.columns].sort().join() === [...key].sort().join()))
      throw schemaError(table, `has no primary key or unique index on (${key.join(', ')})`)
    return inOrder
  } catch (thrown) {
    throw sinkError(table, thrown)
  }
}

const checked = (table: string, { name, type }: Column, known: string | null, found: ReadonlyMap<string, FoundColumn>): FoundColumn => {
  const there = found.get(name)
  if (there === undefined) throw schemaError(table, `has no column ${name}`)
  if (known === null) throw schemaError(table, `cannot have ${name} as ${type}, which is no type of this server`)
  if (there.type !== known) throw schemaError(table, `has ${name} as ${there.type}, not as ${type}`)
  return there
}

/** Two that make a table at once may meet in the catalog: then it is there. */
const madeMeanwhile = (thrown: unknown): void => {
  if (!['23505', '42P07', '42710'].includes(stateOf(thrown))) throw thrown
}

const creation = ({ table, columns, key }: TableSettings): string => {
  const lines = columns.map(({ name, type }) => `${quote(name)} ${type}`)
  return `create table if not exists ${table} (${lines.join(', ')}, primary key (${key.map(quote).join(', ')}))`
}
