import { SinkError } from '@riacho/streams'
import { RiachoError, reasonOf } from '@riacho/streams/engine'

/** Every code of this package, with what it means. The message of an error says what to do. */
export const codes = {
  RIACHO_SQLITE_OPTION: 'an option that cannot be right',
} as const

/** An option that cannot be right. */
export const optionError = (message: string): RiachoError => new RiachoError('RIACHO_SQLITE_OPTION', message)

/** A row that cannot be written, by its place in the batch. */
export interface PoisonRow {
  readonly index: number
  readonly cause: unknown
  readonly message: string
}

const shown = 5

/** Some rows of a batch cannot be written; all others of the batch are. `indexes` are the places of the former. */
export class PoisonRows extends SinkError {
  override readonly indexes: readonly number[]
  constructor(table: string, batchLength: number, rows: readonly PoisonRow[]) {
    const listed = rows.slice(0, shown).map(row => `row ${row.index + 1} ${row.message}`)
    if (rows.length > shown) listed.push(`and ${rows.length - shown} more`)
    super('poison', `${rows.length} of ${batchLength} rows cannot be written to ${table}, the others are: ${listed.join('; ')}`, {
      cause: rows[0]?.cause,
    })
    this.indexes = rows.map(row => row.index)
  }
}

const transient = new Map([
  [5, 'is locked by another process: end its transaction'],
  [6, 'is locked: end the other transaction'],
  [7, 'needs more memory than there is'],
  [9, 'was interrupted'],
  [10, 'met an input or output error: look at its disk'],
  [13, 'has no room: free space on its file system'],
  [15, 'met a locking race'],
  [17, 'has a schema that just changed'],
])
const permanent = new Map([
  [3, 'may not be used: check its permissions'],
  [8, 'is read-only: check its permissions and those of its folder, which must allow new files'],
  [11, 'is damaged: put back a backup, or remove it and replay'],
  [14, 'cannot be opened: create its folder and check permissions'],
  [26, 'is not an SQLite database: give another path'],
])
/** Too big, constraint, mismatch. */
const poison = new Set([18, 19, 20])

interface SqliteError extends Error {
  readonly code: string
  /** SQLite's extended result code. */
  readonly errcode?: number
}

const resultOf = (thrown: unknown): number => (((thrown as SqliteError).errcode ?? 0) as number) & 0xff

/** Whether the row is to blame: a constraint, a type, or a value that SQLite cannot hold. */
export const isPoison = (thrown: unknown): boolean =>
  poison.has(resultOf(thrown)) || ['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE'].includes((thrown as SqliteError).code)

/** What a failure of the whole batch, or of opening, means. */
export const sinkError = (path: string, thrown: unknown): SinkError => {
  if (thrown instanceof SinkError) return thrown
  const result = resultOf(thrown)
  const hint = transient.get(result) ?? permanent.get(result) ?? 'refused'
  return new SinkError(transient.has(result) ? 'transient' : 'permanent', `${path} ${hint} (${reasonOf(thrown)})`, { cause: thrown })
}

/** The table is not what the options say. */
export const schemaError = (path: string, table: string, what: string): SinkError =>
  new SinkError('permanent', `table ${table} in ${path} ${what}: correct the options, or change the table`)
