import { ErrorReply } from '@redis/client'
import { SinkError } from '@riacho/streams'
import { RiachoError, reasonOf } from '@riacho/streams/engine'

/** Every code of this package, with what it means. The message of an error says what to do. */
export const codes = {
  RIACHO_REDIS_OPTION: 'an option that cannot be right',
  RIACHO_REDIS_STREAM: 'a stream that cannot be read',
} as const

/** An option that cannot be right. */
export const optionError = (message: string): RiachoError => new RiachoError('RIACHO_REDIS_OPTION', message)

/** A stream that cannot be read. */
export const streamError = (stream: string, cause: unknown): RiachoError =>
  new RiachoError('RIACHO_REDIS_STREAM', `stream ${stream} cannot be read (${reasonOf(cause)}): look at url, user, password and the key`, {
    cause,
  })

/** What is wrong with a record before Redis sees it. */
export class BadRecord extends Error {
  override readonly name = 'BadRecord'
}

/** How Redis' refusals begin, and what to do about them. */
const permanent: readonly (readonly [start: string, hint: string])[] = [
  ['WRONGTYPE', 'holds something else there: give another key, or delete it'],
  ['NOAUTH', 'wants a password: give it in url'],
  ['WRONGPASS', 'refused the name and password: correct url'],
  ['NOPERM', 'does not allow this: grant it with ACL SETUSER'],
  ['CROSSSLOT', 'is a cluster: give the address of a single server'],
  ['MOVED', 'is a cluster: give the address of a single server'],
  ['ERR', 'refuses this: look at its version, which is to be 7 or later, and its settings'],
]

/** What a failed write means. */
export const sinkError = (where: string, thrown: unknown): SinkError => {
  if (thrown instanceof SinkError) return thrown
  const reason = reasonOf(thrown)
  if (thrown instanceof BadRecord) return new SinkError('poison', `${where} cannot take this record: ${reason}`, { cause: thrown })
  // There are too many just now: others will go.
  if (reason.startsWith('ERR max number of clients'))
    return new SinkError('transient', `${where} has no room (${reason})`, { cause: thrown, away: true })
  const hint = permanent.find(([start]) => reason.startsWith(start))?.[1]
  if (hint !== undefined) return new SinkError('permanent', `${where}: Redis ${hint} (${reason})`, { cause: thrown })
  return new SinkError('transient', `${where} was not written (${reason})`, { cause: thrown, away: !(thrown instanceof ErrorReply) })
}

const shown = 5

/** Some records of a batch were not written, all others were: the error of each by its place. */
export const batchError = (where: string, batchLength: number, failures: ReadonlyMap<number, SinkError>): SinkError => {
  const each = [...failures].sort(([a], [b]) => a - b)
  const errors = each.map(([, error]) => error)
  const kind = (['permanent', 'transient'] as const).find(one => errors.some(error => error.kind === one)) ?? 'poison'
  const listed = each.slice(0, shown).map(([index, { message }]) => `record ${index + 1}: ${message}`)
  if (each.length > shown) listed.push(`and ${each.length - shown} more`)
  const message = `${each.length} of ${batchLength} records were not written to ${where}, the others were: ${listed.join('; ')}`
  const away = each.length === batchLength && errors.every(error => error.away)
  return new SinkError(kind, message, { cause: errors[0], failures: new Map(each), away })
}
