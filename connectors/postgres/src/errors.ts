import { SinkError } from '@riacho/streams'
import { RiachoError, reasonOf } from '@riacho/streams/engine'
import { DatabaseError } from 'pg'

/** Every code of this package, with what it means. The message of an error says what to do. */
export const codes = {
  RIACHO_POSTGRES_OPTION: 'an option that cannot be right',
  RIACHO_POSTGRES_OUTBOX: 'an outbox table that is missing, or not what the options say',
} as const

/** An option that cannot be right. */
export const optionError = (message: string): RiachoError => new RiachoError('RIACHO_POSTGRES_OPTION', message)

/** An outbox table that cannot be read. */
export const outboxError = (table: string, what: string, cause?: unknown): RiachoError =>
  new RiachoError('RIACHO_POSTGRES_OUTBOX', `outbox ${table} ${what}`, { cause })

/** What is wrong with a row before the database sees it. */
export class BadRow extends Error {
  override readonly name = 'BadRow'
}

/** The five characters (SQLSTATE) by which the server says what is wrong; empty when it was not the server. */
export const stateOf = (thrown: unknown): string => (thrown instanceof DatabaseError ? (thrown.code ?? '') : '')

/** Data and integrity, a view's check, what a trigger raised, an entry too large for an index. */
const poison = /^(22|23|44|P0001|54000)/
/** Connections, transactions that met, resources, an operator's doing, locks, a standby that was promoted elsewhere, the disk. */
const transient = /^(08|40|53|57|55P03|55006|25006|58)/
/** Nobody is there to answer: among the former, of connections and of a server that stops or starts. */
const away = /^(08|57P0)/
/** Of the client, where trying again cannot help. */
const refusedByClient = /certificate|does not support SSL|^SASL|password must be/i

const hints: Readonly<Record<string, string>> = {
  '28P01': 'refused the password: correct user and password',
  '28000': 'refused the login: correct the user, or the rules in pg_hba.conf',
  '3D000': 'has no such database: correct the option database',
  '42501': 'does not allow this: grant SELECT, INSERT, UPDATE and DELETE on the table',
  '42P01': 'has lost the table: create it',
  '42703': 'has lost a column: compare the table with the options',
  '57014': 'gave a statement up: it took longer than requestTimeout, or somebody cancelled it',
  '53300': 'has no connection left: lower connectionsMax, or raise max_connections',
  '25006': 'only reads: it is a standby, or its disk is protected',
}

/** Whether the row is to blame. */
export const isPoison = (thrown: unknown): boolean => thrown instanceof BadRow || poison.test(stateOf(thrown))

/** Whether two rows of one statement were the same row to the server, though their keys were written differently. */
export const isSameRowTwice = (thrown: unknown): boolean => stateOf(thrown) === '21000'

/** What a failure means. */
export const sinkError = (table: string, thrown: unknown): SinkError => {
  if (thrown instanceof SinkError) return thrown
  const state = stateOf(thrown)
  const reason = state === '' ? reasonOf(thrown) : `${state}: ${reasonOf(thrown)}`
  if (isPoison(thrown)) return new SinkError('poison', `${table} cannot hold this row (${reason})`, { cause: thrown })
  const passes = state === '' ? !refusedByClient.test(reason) : transient.test(state)
  const message = `${table}: the server ${hints[state] ?? (passes ? 'did not write' : 'refused')} (${reason})`
  return new SinkError(passes ? 'transient' : 'permanent', message, { cause: thrown, away: passes && (state === '' || away.test(state)) })
}

/** The table is not what the options say. */
export const schemaError = (table: string, what: string): SinkError =>
  new SinkError('permanent', `table ${table} ${what}: correct the options, or change the table`)

const shown = 5

/** Some rows of a batch were not written, all others were: the error of each by its place. */
export const batchError = (table: string, batchLength: number, failures: ReadonlyMap<number, SinkError>): SinkError => {
  const each = [...failures].sort(([a], [b]) => a - b)
  const errors = each.map(([, error]) => error)
  const kind = (['permanent', 'transient'] as const).find(one => errors.some(error => error.kind === one)) ?? 'poison'
  const listed = each.slice(0, shown).map(([index, { message }]) => `row ${index + 1}: ${message}`)
  if (each.length > shown) listed.push(`and ${each.length - shown} more`)
  const message = `${each.length} of ${batchLength} rows were not written to ${table}, the others were: ${listed.join('; ')}`
  const all = each.length === batchLength && errors.every(error => error.away)
  return new SinkError(kind, message, { cause: errors[0], failures: new Map(each), away: all })
}
