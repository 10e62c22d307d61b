import { SinkError } from '@riacho/streams'
import { RiachoError, reasonOf } from '@riacho/streams/engine'

/** Every code of this package, with what it means. The message of an error says what to do. */
export const codes = {
  RIACHO_SQS_OPTION: 'an option that cannot be right',
  RIACHO_SQS_QUEUE: 'a queue that is missing, or not what the options say',
} as const

/** An option that cannot be right. */
export const optionError = (message: string): RiachoError => new RiachoError('RIACHO_SQS_OPTION', message)

/** A queue that is missing, or not what the options say. */
export const queueError = (queue: string, what: string, cause?: unknown): RiachoError =>
  new RiachoError('RIACHO_SQS_QUEUE', `queue ${queue} ${what}`, { cause })

/** What is wrong with a message before the service sees it. */
export class BadMessage extends Error {
  override readonly name = 'BadMessage'
}

interface ServiceError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number }
}

const hints: Readonly<Record<string, string>> = {
  QueueDoesNotExist: 'does not exist: create it, or give create: true',
  AccessDenied: 'may not be used: allow sqs:SendMessage and sqs:GetQueueAttributes',
  AccessDeniedException: 'may not be used: allow sqs:SendMessage and sqs:GetQueueAttributes',
  InvalidClientTokenId: 'may not be used: correct the credentials',
  CredentialsProviderError: 'needs credentials: give credentials, or set them in the environment',
}
const throttled = new Set(['RequestThrottled', 'ThrottlingException', 'OverLimit', 'KmsThrottled'])
const refusals = new Set(['InvalidMessageContents', 'InvalidParameterValue', 'MessageTooLong', 'BatchRequestTooLong'])

/** Whether the service refuses the message itself. */
export const isRefusal = (code: string | undefined): boolean => code !== undefined && refusals.has(code)

/** What a failed request means. */
export const sinkError = (queue: string, thrown: unknown): SinkError => {
  if (thrown instanceof SinkError) return thrown
  const { name, $metadata } = thrown as ServiceError
  const reason = `${name}: ${reasonOf(thrown)}`
  if (thrown instanceof BadMessage || isRefusal(name))
    return new SinkError('poison', `queue ${queue} cannot take this message (${reason})`, { cause: thrown })
  const status = $metadata?.httpStatusCode
  if (hints[name] !== undefined) return new SinkError('permanent', `queue ${queue} ${hints[name]} (${reason})`, { cause: thrown })
  if (status !== undefined && status >= 400 && status < 500 && !throttled.has(name)) {
    return new SinkError('permanent', `queue ${queue} refused the request (${reason})`, { cause: thrown })
  }
  return new SinkError('transient', `queue ${queue} did not take it (${reason})`, { cause: thrown, away: status === undefined })
}

const shown = 5

/** Some messages of a batch were not sent, all others were: the error of each by its place. */
export const batchError = (queue: string, batchLength: number, failures: ReadonlyMap<number, SinkError>): SinkError => {
  const each = [...failures].sort(([a], [b]) => a - b)
  const errors = each.map(([, error]) => error)
  const kind = (['permanent', 'transient'] as const).find(one => errors.some(error => error.kind === one)) ?? 'poison'
  const listed = each.slice(0, shown).map(([index, { message }]) => `message ${index + 1}: ${message}`)
  if (each.length > shown) listed.push(`and ${each.length - shown} more`)
  const message = `${each.length} of ${batchLength} messages were not sent to queue ${queue}, the others were: ${listed.join('; ')}`
  const away = each.length === batchLength && errors.every(error => error.away)
  return new SinkError(kind, message, { cause: errors[0], failures: new Map(each), away })
}
