import { protocolErrors, protocolErrorsCodesById } from '@platformatic/kafka'
import { BrokerError, type TopicPartition } from '@riacho/streams/engine'

/** A newer producer, or a newer member, has taken over. */
const fencing = new Set(['PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID'])

/** Worth another try, beyond those that the library marks so. */
const passing = new Set([
  'CONCURRENT_TRANSACTIONS',
  'UNSTABLE_OFFSET_COMMIT',
  'REBALANCE_IN_PROGRESS',
  'UNKNOWN_TOPIC_ID',
  'UNKNOWN_TOPIC_OR_PARTITION',
])

/** What the library throws, as far as it is looked at here: errors nest up to three levels deep. */
interface LibraryError {
  readonly code?: string
  readonly message?: string
  readonly apiId?: string
  readonly canRetry?: boolean
  readonly errors?: readonly LibraryError[]
}

/** Flattens anything that the library throws. `code` is Kafka's name of the error; NETWORK_EXCEPTION and REQUEST_TIMED_OUT for failures of the way. */
export function failureOf(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown
  const answers = answered(thrown as LibraryError)
  // An answer may list several partitions: the one that cannot be tried again decides.
  const answer = answers.find(each => !retriable(each)) ?? answers[0]
  if (answer === undefined) return unreachable(thrown as LibraryError)
  const code = answer.apiId!
  return new BrokerError(code, `${code}: ${answer.message}`, { retriable: retriable(answer), fenced: fencing.has(code), cause: thrown })
}

/** The error that an answer gives for one partition, by Kafka's number. */
export function failureAt(errorCode: number, of?: TopicPartition): BrokerError {
  const code = protocolErrorsCodesById[errorCode] ?? 'UNKNOWN_SERVER_ERROR'
  const { message, canRetry } = protocolErrors[code]!
  const at = of === undefined ? undefined : { topic: of.topic, partition: of.partition }
  const place = at === undefined ? '' : ` (${at.topic}, partition ${at.partition})`
  const error = { apiId: code, canRetry }
  return new BrokerError(code, `${code}: ${message}${place}`, { retriable: retriable(error), fenced: fencing.has(code), at })
}

/** The library throws an answer in which one partition failed: what it says of the others is here. */
export const answerIn = (failure: BrokerError): unknown => (failure.cause as { response?: unknown } | undefined)?.response

const retriable = (error: LibraryError): boolean => error.canRetry === true || passing.has(error.apiId!)

const answered = (error: LibraryError): LibraryError[] => (error.apiId !== undefined ? [error] : (error.errors ?? []).flatMap(answered))

function unreachable(error: LibraryError): BrokerError {
  const timedOut = /timed out/i.test(error.message ?? '')
  const code = timedOut ? 'REQUEST_TIMED_OUT' : 'NETWORK_EXCEPTION'
  const ours = error.code?.startsWith('PLT_KFK_') ?? false
  return ours
    ? new BrokerError(code, `${code}: ${error.message}`, { retriable: true, cause: error })
    : new BrokerError('UNKNOWN_SERVER_ERROR', String(error.message ?? error), { cause: error })
}
