import { SinkError } from '@riacho/streams'
import { RiachoError, reasonOf } from '@riacho/streams/engine'

/** Every code of this package, with what it means. The message of an error says what to do. */
export const codes = {
  RIACHO_SCYLLA_OPTION: 'an option that cannot be right',
} as const

/** An option that cannot be right. */
export const optionError = (message: string): RiachoError => new RiachoError('RIACHO_SCYLLA_OPTION', message)

/** What is wrong with a row before the database sees it. */
export class BadRow extends Error {
  override readonly name = 'BadRow'
}

/** Of the native protocol. */
const responses = {
  serverError: 0x0000,
  badCredentials: 0x0100,
  syntaxError: 0x2000,
  unauthorized: 0x2100,
  invalid: 0x2200,
  configError: 0x2300,
  alreadyExists: 0x2400,
} as const

const permanent = new Map<number, string>([
  [responses.badCredentials, 'refused the name and password: correct credentials'],
  [responses.syntaxError, 'does not understand a statement: look at table and columns'],
  [responses.unauthorized, 'does not allow this: grant MODIFY and SELECT on the table'],
  [responses.configError, 'refuses its configuration'],
  [responses.alreadyExists, 'has it already'],
])

interface DriverError extends Error {
  readonly code?: unknown
  readonly innerErrors?: Readonly<Record<string, unknown>>
}

/** The table changed under the sink: no row is to blame. */
const schemaGone = /unconfigured table|table .* does not exist|keyspace .* does not exist|undefined column|unknown identifier/i

/** One write that is larger than a commit log segment takes, whatever the other rows are. */
const tooLarge = /too large for the maximum size|larger than the maximum/i

/** Whether the row is to blame: a value that the driver cannot encode or that the database refuses. */
export const isPoison = (thrown: unknown): boolean => {
  if (thrown instanceof BadRow || thrown instanceof TypeError || thrown instanceof RangeError) return true
  const { code, message } = thrown as DriverError
  if (code === responses.invalid) return !schemaGone.test(message)
  return tooLarge.test(message)
}

/** No host answers. */
const away = new Set(['NoHostAvailableError', 'OperationTimedOutError'])

/** What a failed request means. Errors are known by their names and codes, so that those of another driver are too. */
export const sinkError = (table: string, thrown: unknown): SinkError => {
  if (thrown instanceof SinkError) return thrown
  const reason = reasonOf(thrown)
  if (isPoison(thrown)) return new SinkError('poison', `${table} cannot hold this row: ${reason}`, { cause: thrown })
  const { name, code, innerErrors = {} } = thrown as DriverError
  const inner = Object.values(innerErrors)
  const refused = [thrown, ...inner].find(error => (error as DriverError).name === 'AuthenticationError')
  if (refused !== undefined) {
    return new SinkError('permanent', `${table}: the cluster refused the login: correct credentials (${reasonOf(refused)})`, {
      cause: thrown,
    })
  }
  const hint = typeof code === 'number' ? permanent.get(code) : undefined
  if (hint !== undefined || code === responses.invalid || name === 'ArgumentError') {
    return new SinkError('permanent', `${table}: the cluster ${hint ?? 'refuses this'} (${reason})`, { cause: thrown })
  }
  return new SinkError('transient', `${table} was not written: ${reason}`, { cause: thrown, away: away.has(name) })
}

const shown = 5

/** Some rows of a batch were not written, all others were: the error of each by its place. */
export const batchError = (table: string, batchLength: number, failures: ReadonlyMap<number, SinkError>): SinkError => {
  const each = [...failures].sort(([a], [b]) => a - b)
  const kind = each.some(([, error]) => error.kind === 'permanent')
    ? 'permanent'
    : each.some(([, error]) => error.kind === 'transient')
      ? 'transient'
      : 'poison'
  const listed = each.slice(0, shown).map(([index, { message }]) => `row ${index + 1}: ${message}`)
  if (each.length > shown) listed.push(`and ${each.length - shown} more`)
  const message = `${each.length} of ${batchLength} rows were not written to ${table}, the others were: ${listed.join('; ')}`
  return new SinkError(kind, message, {
    cause: each[0]?.[1],
    failures: new Map(each),
    away: failures.size === batchLength && each.every(([, error]) => error.away),
  })
}

/** The table is not what the options say. */
export const schemaError = (table: string, what: string): SinkError =>
  new SinkError('permanent', `table ${table} ${what}: correct the options, or change the table`)
