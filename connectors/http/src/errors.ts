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

/** Why a record was not delivered: `poison` when its own address or body is to blame. */
export interface Undelivered {
  readonly kind: 'transient' | 'poison'
  readonly index: number
  readonly message: string
  readonly cause?: unknown
}

/** Answers after which the same request may be taken later. */
const later = new Set([408, 409, 425, 429])

/** What an answer that is no success means. */
export function refusal(index: number, status: number, url: URL): Undelivered {
  const where = `${url.origin} answered ${status}`
  if (status >= 500 || later.has(status)) return { kind: 'transient', index, message: where }
  const why = status >= 300 && status < 400 ? `${where}: redirects are not followed, give the address that it leads to` : where
  return { kind: 'poison', index, message: why }
}

/** What a request that got no answer means. */
export function unanswered(index: number, url: URL, thrown: unknown): Undelivered {
  const kind = thrown instanceof RefusedAddress ? 'poison' : 'transient'
  return { kind, index, message: `${url.origin}: ${reasonOf(thrown)}`, cause: thrown }
}

/** The error of a batch: as long as there is hope for a record, the batch is tried again. */
export function batchError(name: string, batchLength: number, failures: readonly Undelivered[]): SinkError {
  const hopeful = failures.filter(({ kind }) => kind === 'transient')
  const told = hopeful.length > 0 ? hopeful : failures
  const message = `${told.length} of ${batchLength} records were not delivered by ${name}: ${told[0]!.message}`
  const cause = { cause: told[0]!.cause }
  if (hopeful.length > 0) return new SinkError('transient', message, cause)
  return new SinkError('poison', message, { ...cause, indexes: failures.map(({ index }) => index).sort((a, b) => a - b) })
}
