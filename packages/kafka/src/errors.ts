import { protocolErrors, protocolErrorsCodesById } from '@platformatic/kafka'
import { BrokerError, type TopicPartition } from '@riacho/streams/engine'

/** A newer producer, or a newer member, has taken over. */
const fencing = new Set(['PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID'])

/** Of these it is the member that is gone, not the producer. */
const rejoining = new Set(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID'])

/** Worth another try, beyond those that the protocol marks so: Java's clients do so in each of their handlers. */
const passing = new Set(['REBALANCE_IN_PROGRESS', 'BROKER_NOT_AVAILABLE', 'TRANSACTION_COORDINATOR_FENCED'])

/**
 * Nothing helps before somebody changes the configuration, here or there: Java's InvalidConfigurationException and what is below it (without those that are about one batch
 * or one topic), and what its clients give up at beside that.
 */
const hopeless = new Set([
  'CONFIGURATION',
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'DELEGATION_TOKEN_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'SSL_AUTHENTICATION_FAILED',
  'ILLEGAL_SASL_STATE',
  'UNSUPPORTED_SASL_MECHANISM',
  'UNSUPPORTED_VERSION',
  'INVALID_REQUIRED_ACKS',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_CONFIG',
  'INCONSISTENT_GROUP_PROTOCOL',
  'INVALID_GROUP_ID',
  'INVALID_SESSION_TIMEOUT',
  'INVALID_TRANSACTION_TIMEOUT',
  'GROUP_MAX_SIZE_REACHED',
  'FENCED_INSTANCE_ID',
  'POLICY_VIOLATION',
])

/** Errors that are newer than the library, by Kafka's number. */
const newer: Readonly<Record<number, string>> = {
  128: 'INVALID_REGULAR_EXPRESSION',
  129: 'REBOOTSTRAP_REQUIRED',
  130: 'STREAMS_INVALID_TOPOLOGY',
  131: 'STREAMS_INVALID_TOPOLOGY_EPOCH',
  132: 'STREAMS_TOPOLOGY_FENCED',
  133: 'SHARE_SESSION_LIMIT_REACHED',
}

/** A failure of the cluster or of the way to it. `code` is Kafka's name of the error; NETWORK_EXCEPTION and REQUEST_TIMED_OUT for failures of the way. */
export class KafkaError extends BrokerError {
  /** The member is known no more: it must join its group again. */
  readonly rejoin: boolean

  constructor(code: string, message: string, about: { at?: TopicPartition | undefined; cause?: unknown; retriable?: boolean } = {}) {
    super(code, `${code}: ${message}`, {
      retriable: about.retriable ?? (passing.has(code) || protocolErrors[code]?.canRetry === true),
      fenced: fencing.has(code),
      abortable: code === 'TRANSACTION_ABORTABLE',
      fatal: hopeless.has(code),
      at: about.at,
      cause: about.cause,
    })
    this.rejoin = rejoining.has(code)
  }
}

/** What the library throws, as far as it is looked at here: errors nest up to three levels deep. */
interface LibraryError {
  readonly message?: string
  readonly apiId?: string
  /** What the broker says itself. */
  readonly serverErrorMessage?: string | null
  readonly errors?: readonly LibraryError[]
}

/** Flattens anything that a request threw. */
export function failureOf(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown
  const all = answered(thrown as LibraryError).map(
    each => new KafkaError(each.apiId!, each.serverErrorMessage ?? each.message ?? '', { cause: thrown }),
  )
  // What was not tried, because something else failed, says nothing.
  const tried = all.filter(({ code }) => code !== 'OPERATION_NOT_ATTEMPTED')
  const answers = tried.length > 0 ? tried : all
  // An answer may list several partitions: the one that cannot be tried again decides.
  const answer = answers.find(each => !each.retriable) ?? answers[0]
  return answer ?? new KafkaError('UNKNOWN_SERVER_ERROR', String((thrown as LibraryError).message ?? thrown), { cause: thrown })
}

/** The error that an answer gives by Kafka's number, for one partition if one is given. */
export function failureAt(errorCode: number, of?: TopicPartition): BrokerError {
  const code = protocolErrorsCodesById[errorCode] ?? newer[errorCode] ?? 'UNKNOWN_SERVER_ERROR'
  const at = of === undefined ? undefined : { topic: of.topic, partition: of.partition }
  const place = at === undefined ? '' : ` (${at.topic}, partition ${at.partition})`
  return new KafkaError(code, `${protocolErrors[code]?.message ?? `the broker’s error ${errorCode}`}${place}`, { at })
}

/** The library throws an answer in which one partition failed: what it says of the others is here. */
export const answerIn = (failure: BrokerError): unknown => (failure.cause as { response?: unknown } | undefined)?.response

const answered = (error: LibraryError): LibraryError[] => (error.apiId !== undefined ? [error] : (error.errors ?? []).flatMap(answered))
