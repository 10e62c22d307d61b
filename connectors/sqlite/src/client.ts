import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { schemaError, sinkError } from './errors.ts'
import type { TableSettings } from './options.ts'

/** Milliseconds that SQLite may wait for another process, which blocks this thread; what takes longer is tried again by the caller. */
const busyTimeout = 250

interface Shared {
  readonly database: DatabaseSync
  users: number
}

/** Connections of this thread by file: sinks on one file share one, so that they never wait for each other's locks. */
const connections = new Map<string, Shared>()

const fileOf = (path: string): string => {
  if (path === ':memory:') return path
  if (existsSync(path)) return realpathSync(path)
  const folder = dirname(path)
  return existsSync(folder) ? join(realpathSync(folder), basename(path)) : path
}

const connect = (path: string): DatabaseSync => {
  const database = new DatabaseSync(path, { timeout: busyTimeout })
  try {
    const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode
    if (mode !== 'wal' && mode !== 'memory') throw new Error(`its file system allows no write-ahead log (journal mode ${mode})`)
    database.exec('PRAGMA synchronous = NORMAL')
    return database
  } catch (thrown) {
    database.close()
    throw thrown
  }
}

/** An open database, shared with the other sinks on that file. */
export interface Connection {
  readonly database: DatabaseSync
  /** Call it once; the last user closes the database. */
  release(): void
}

/** Opens a file, or joins those who have it open. Throws a SinkError. */
export const acquire = (path: string, synchronous: 'NORMAL' | 'FULL'): Connection => {
  try {
    const file = fileOf(path)
    let shared = connections.get(file)
    if (shared === undefined) {
      shared = { database: connect(path), users: 0 }
      // A file that was just made may have another true path than its folder told.
      connections.set(fileOf(path), shared)
    }
    if (synchronous === 'FULL') shared.database.exec('PRAGMA synchronous = FULL')
    return lease(shared)
  } catch (thrown) {
    throw sinkError(path, thrown)
  }
}

const lease = (shared: Shared): Connection => {
  shared.users++
  return {
    database: shared.database,
    release: () => {
      if (--shared.users > 0) return
      for (const [file, each] of connections) if (each === shared) connections.delete(file)
      shared.database.close()
    },
  }
}

/** An identifier as SQL text. */
export const quote = (name: string): string => `"${name}"`

const bare = (type: string): string => {
  const upper = type.replace(/ NOT NULL$/i, '').toUpperCase()
  return upper === 'INT' ? 'INTEGER' : upper
}

const strictTypes = new Set(['INTEGER', 'REAL', 'TEXT', 'BLOB', 'ANY'])

const creation = ({ table, columns, types, key }: TableSettings): string => {
  // SQLite lets a primary key be NULL, and no NULL conflicts with another: such rows would be written again and again.
  const notNull = (column: string, type: string): string => (key.includes(column) && !/ NOT NULL$/i.test(type) ? ' NOT NULL' : '')
  const lines = columns.map((column, index) => `${quote(column)} ${types[index]}${notNull(column, types[index]!)}`)
  const strict = types.every(type => strictTypes.has(bare(type))) ? ' STRICT' : ''
  return `CREATE TABLE IF NOT EXISTS ${quote(table)} (${lines.join(', ')}, PRIMARY KEY (${key.map(quote).join(', ')}))${strict}`
}

/** Makes the table, or compares the one that is there with the settings. Throws a SinkError. */
export const ensureTable = (database: DatabaseSync, settings: TableSettings): void => {
  const { path, table, columns, types } = settings
  database.exec(creation(settings))
  const found = new Map(
    database
      .prepare(`PRAGMA table_info(${quote(table)})`)
      .all()
      .map(row => [String(row.name).toLowerCase(), row]),
  )
  for (const [index, column] of columns.entries()) {
    const there = found.get(column.toLowerCase())
    if (there === undefined) throw schemaError(path, table, `has no column ${column}`)
    const type = String(there.type)
    if (bare(type) !== bare(types[index]!)) throw schemaError(path, table, `has ${column} as ${type}, not as ${types[index]}`)
    found.delete(column.toLowerCase())
  }
  for (const [column, { notnull, dflt_value }] of found) {
    if (notnull === 1 && dflt_value === null) throw schemaError(path, table, `needs a value for ${column}, which is not among the columns`)
  }
}
