import { SinkError } from '@riacho/streams'
import { RiachoError, reasonOf } from '@riacho/streams/engine'

/** Every code of this package, with what it means. The message of an error says what to do. */
export const codes = {
  RIACHO_DYNAMODB_OPTION: 'an option that cannot be right',
} as const

/** An option that cannot be right. */
export const optionError = (message: string): RiachoError => new RiachoError('RIACHO_DYNAMODB_OPTION', message)

/** What is wrong with an item before the service sees it. */
export class BadItem extends Error {
  override readonly name = 'BadItem'
}

interface ServiceError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number }
  readonly $retryable?: unknown
}

/** The service refuses an item, or something about the request as a whole: alone tells. */
const poison = new Set(['ValidationException', 'ItemCollectionSizeLimitExceededException', 'SerializationException'])

const transient = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'RequestLimitExceeded',
  'LimitExceededException',
  'ResourceInUseException',
  'TransactionConflictException',
  'ReplicatedWriteConflictException',
])

const hints: Readonly<Record<string, string>> = {
  ResourceNotFoundException: 'is not there: create it, or give create: true',
  AccessDeniedException: 'may not be used: allow DescribeTable and BatchWriteItem',
  UnrecognizedClientException: 'may not be used: correct the credentials',
  CredentialsProviderError: 'needs credentials: give credentials, or set them in the environment',
}

/** What a failed request means. */
export const sinkError = (table: string, thrown: unknown): SinkError => {
  if (thrown instanceof SinkError) return thrown
  const { name, $metadata } = thrown as ServiceError
  const status = $metadata?.httpStatusCode
  const reason = `${name}: ${reasonOf(thrown)}`
  if (thrown instanceof BadItem || poison.has(name))
    return new SinkError('poison', `table ${table} cannot hold this item (${reason})`, { cause: thrown })
  const hint = hints[name]
  if (hint !== undefined) return new SinkError('permanent', `table ${table} ${hint} (${reason})`, { cause: thrown })
  if (status !== undefined && status >= 400 && status < 500 && !transient.has(name)) {
    return new SinkError('permanent', `table ${table} refused the request (${reason})`, { cause: thrown })
  }
  return new SinkError('transient', `table ${table} was not written (${reason})`, { cause: thrown, away: status === undefined })
}

const shown = 5

/** Some items of a batch were not written, all others were: the error of each by its place. */
export const batchError = (table: string, batchLength: number, failures: ReadonlyMap<number, SinkError>): SinkError => {
  const each = [...failures].sort(([a], [b]) => a - b)
  const errors = each.map(([, error]) => error)
  const kind = (['permanent', 'transient'] as const).find(one => errors.some(error => error.kind === one)) ?? 'poison'
  const listed = each.slice(0, shown).map(([index, { message }]) => `item ${index + 1}: ${message}`)
  if (each.length > shown) listed.push(`and ${each.length - shown} more`)
  const message = `${each.length} of ${batchLength} items were not written to table ${table}, the others were: ${listed.join('; ')}`
  const away = each.length === batchLength && errors.every(error => error.away)
  return new SinkError(kind, message, { cause: errors[0], failures: new Map(each), away })
}

/** The table is not what the options say. */
export const schemaError = (table: string, what: string): SinkError =>
  new SinkError('permanent', `table ${table} ${what}: correct the options, or change the table`)
