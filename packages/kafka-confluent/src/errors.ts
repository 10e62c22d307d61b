import { BrokerError, type TopicPartition } from '@riacho/streams/engine'
import type { Driver } from './driver.ts'

/** A failure of the cluster, of the way to it, or of librdkafka. `code` is Kafka's name of the error where there is one. */
export class ConfluentError extends BrokerError {
  constructor(code: string, message: string, is: ConstructorParameters<typeof BrokerError>[2] = {}) {
    super(code, `${code}: ${message}`, is)
  }
}

/** librdkafka's names that are not Kafka's, without `ERR_`; its own errors begin with an underscore. */
const names: Readonly<Record<string, string>> = {
  UNKNOWN_TOPIC_OR_PART: 'UNKNOWN_TOPIC_OR_PARTITION',
  NOT_LEADER_FOR_PARTITION: 'NOT_LEADER_OR_FOLLOWER',
  MSG_SIZE_TOO_LARGE: 'MESSAGE_TOO_LARGE',
  GROUP_LOAD_IN_PROGRESS: 'COORDINATOR_LOAD_IN_PROGRESS',
  GROUP_COORDINATOR_NOT_AVAILABLE: 'COORDINATOR_NOT_AVAILABLE',
  NOT_COORDINATOR_FOR_GROUP: 'NOT_COORDINATOR',
  _AUTO_OFFSET_RESET: 'OFFSET_OUT_OF_RANGE',
  _FENCED: 'PRODUCER_FENCED',
  _TIMED_OUT: 'REQUEST_TIMED_OUT',
  _TIMED_OUT_QUEUE: 'REQUEST_TIMED_OUT',
  _MSG_TIMED_OUT: 'REQUEST_TIMED_OUT',
  _TRANSPORT: 'NETWORK_EXCEPTION',
  _ALL_BROKERS_DOWN: 'NETWORK_EXCEPTION',
  _RESOLVE: 'NETWORK_EXCEPTION',
  _UNKNOWN_TOPIC: 'UNKNOWN_TOPIC_OR_PARTITION',
  _UNKNOWN_PARTITION: 'UNKNOWN_TOPIC_OR_PARTITION',
  _AUTHENTICATION: 'SASL_AUTHENTICATION_FAILED',
  _ASSIGNMENT_LOST: 'UNKNOWN_MEMBER_ID',
}

const passing = new Set([
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'NOT_LEADER_OR_FOLLOWER',
  'LEADER_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'BROKER_NOT_AVAILABLE',
  'NOT_CONTROLLER',
  'UNSTABLE_OFFSET_COMMIT',
  'REBALANCE_IN_PROGRESS',
  'CONCURRENT_TRANSACTIONS',
  '_WAIT_COORD',
  '_WAIT_CACHE',
  '_RETRY',
  '_IN_PROGRESS',
  '_NO_OFFSET',
])

/** Of these the member is gone, not the producer. */
const ofMember = new Set(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID'])

const fencing = new Set([...ofMember, 'PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING'])

const hopeless =
  /_AUTHORIZATION_FAILED$|^SASL_|^(?:UNSUPPORTED_VERSION|UNSUPPORTED_SASL_MECHANISM|INCONSISTENT_GROUP_PROTOCOL|INVALID_SESSION_TIMEOUT|INVALID_TRANSACTION_TIMEOUT|POLICY_VIOLATION|_INVALID_ARG|_UNSUPPORTED_FEATURE)$/

interface DriverFailure {
  readonly code?: number
  readonly message?: string
  readonly isFatal?: boolean
  readonly isRetriable?: boolean
  readonly isTxnRequiresAbort?: boolean
}

/** Makes {@link ConfluentError}s of what the driver throws, by its own table of numbers. */
export class Failures {
  readonly #names = new Map<number, string>()

  constructor(driver: Pick<Driver, 'CODES'>) {
    for (const [name, number] of Object.entries(driver.CODES.ERRORS)) {
      const own = name.replace(/^ERR_/, '')
      this.#names.set(number, names[own] ?? own)
    }
  }

  of(thrown: unknown, at?: TopicPartition): BrokerError {
    if (thrown instanceof BrokerError) return thrown
    const failure = thrown as DriverFailure | undefined
    const code = this.#names.get(failure?.code ?? Number.NaN) ?? 'UNKNOWN_SERVER_ERROR'
    const place = at === undefined ? '' : ` (${at.topic}, partition ${at.partition})`
    return new ConfluentError(code, `${failure?.message ?? String(thrown)}${place}`, {
      retriable: failure?.isRetriable === true || passing.has(code),
      fenced: fencing.has(code),
      abortable: failure?.isTxnRequiresAbort === true,
      fatal: hopeless.test(code),
      at,
      cause: thrown,
    })
  }
}

/** What the driver says of the way to the cluster: its events are texts, the errors' general ones and, in its log, what it knows besides. */
export class LastWords {
  #general = ''
  #detail = ''

  failed(text: string): void {
    // That the others do not answer either says less.
    if (!/all broker connections are down/i.test(text)) this.#general = text
  }

  logged(text: string): void {
    if (!/brokers are down/i.test(text)) this.#detail = text
  }

  /** Why no broker answers, as far as the driver said. */
  get failure(): BrokerError | undefined {
    const text = this.#detail || this.#general
    if (text === '') return undefined
    if (/authentication failure/i.test(this.#general)) return new ConfluentError('SASL_AUTHENTICATION_FAILED', text, { fatal: true })
    if (/ssl error/i.test(this.#general)) return new ConfluentError('SSL_HANDSHAKE_FAILED', text, { fatal: true })
    return new ConfluentError('NETWORK_EXCEPTION', text, { retriable: true })
  }
}
