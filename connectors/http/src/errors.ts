import { SinkError } from '@riacho/streams'
import { RiachoError, reasonOf } from '@riacho/streams/engine'

/** Every code of this package, with what it means. The message of an error says what to do. */
export const codes = {
  RIACHO_HTTP_OPTION: 'an option that cannot be right',
} as const

/** An option that cannot be right. */
export const optionError = (message: string): RiachoError => new RiachoError('RIACHO_HTTP_OPTION', message)

/** An address that may not be called. */
export class RefusedAddress extends Error {
  override readonly name = 'RefusedAddress'
}

/** Answers after which the same request may be taken later. */
const later = new Set([408, 409, 425, 429])

/** What an answer that is no success means: `poison` when the record's own address or body is to blame. */
export function refusal(status: number, url: URL): SinkError {
  const where = `${url.origin} answered ${status}`
  if (status >= 500 || later.has(status)) return new SinkError('transient', where)
  const why = status >= 300 && status < 400 ? `${where}: redirects are not followed, give the address that it leads to` : where
  return new SinkError('poison', why)
}

/** What a request that got no answer means. Others' systems are not ours to wait for: that one is away says nothing about the next. */
export function unanswered(url: URL, cause: unknown): SinkError {
  const kind = cause instanceof RefusedAddress ? 'poison' : 'transient'
  return new SinkError(kind, `${url.origin}: ${reasonOf(cause)}`, { cause })
}

/** What waits for a record of its key before it. */
export function heldBack(cause: SinkError): SinkError {
  return new SinkError('transient', `it waits for a record of its key: ${cause.message}`, { cause, untried: true })
}

/** Some records of a batch were not delivered, all others were: the error of each by its place. */
export function batchError(name: string, batchLength: number, failures: ReadonlyMap<number, SinkError>): SinkError {
  const tried = [...failures.values()].filter(({ untried }) => !untried)
  const told = tried.find(({ kind }) => kind === 'transient') ?? tried[0]!
  const message = `${failures.size} of ${batchLength} records were not delivered by ${name}: ${told.message}`
  return new SinkError(told.kind, message, { cause: told, failures })
}
