import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { type Codec, codecs } from './compression.ts'
import { KafkaError } from './errors.ts'
import type { MemberOptions } from './group/calls.ts'
import type { Address } from './transport/connection.ts'
import type { LinkOptions } from './transport/links.ts'
import { authenticate, mechanisms, type SaslOptions } from './transport/sasl.ts'

/** Options of {@link kafka}. Times in milliseconds. */
export interface KafkaOptions {
  /** Some of the cluster's brokers, as `host:port`. */
  readonly brokers?: readonly string[] | undefined
  /** The same in one text with commas, as Kafka's `bootstrap.servers`. */
  readonly bootstrapServers?: string | undefined
  /** The name that the brokers' logs and quotas know. Default `riacho`. */
  readonly clientId?: string | undefined
  /** Node's TLS options; `{}` for a certificate that the system trusts. Default: without TLS. */
  readonly tls?: TlsOptions | undefined
  /** Who the client is: `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`. Default: nobody. */
  readonly sasl?: SaslOptions | undefined
  /** The version of transactions, for a cluster that should be treated as an older one. Default: the newest that it has. */
  readonly transactionVersion?: 1 | 2 | undefined
  /** How producers compress their batches: `none`, `gzip`, `snappy`, `lz4` or `zstd`. Default `none`. */
  readonly compression?: Codec | undefined
  /** After how long a producer sends a batch that is not full. Default: with the next flush. */
  readonly lingerMs?: number | undefined
  /** Until a connection stands. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined
  /** Until a broker answers; then the connection is given up. Default 30,000. */
  readonly requestTimeoutMs?: number | undefined
  /** For how long a call is made again, a batch sent again and a fetch tried again, while the failure is one that passes. Default 120,000. */
  readonly retryForMs?: number | undefined
  /** A member of a group that is not heard of for so long is lost. Default 10,000. */
  readonly sessionTimeoutMs?: number | undefined
  /** How long a group waits for a member that gives partitions up, which waits for a restore. Default 300,000, as in Kafka (`max.poll.interval.ms`). */
  readonly rebalanceTimeoutMs?: number | undefined
  /** How often a member is heard of, and hears of rebalances. Default 500. */
  readonly heartbeatIntervalMs?: number | undefined
  /** A member whose loop is not heard of for so long gives its partitions up. Default 300,000. */
  readonly maxPollIntervalMs?: number | undefined
  /** The name under which members of groups keep their partitions over a restart that is shorter than a session (`group.instance.id`). Default: none. */
  readonly instanceId?: string | undefined
  /** Fills a slice with 0xDB when it is released. For tests; also switched on by the environment variable RIACHO_POISON_LOANS. */
  readonly poisonLoans?: boolean | undefined
}

/** {@link KafkaOptions}, checked and complete. */
export interface KafkaSettings {
  readonly bootstrap: readonly Address[]
  readonly link: LinkOptions
  readonly member: MemberOptions
  readonly instanceId: string | undefined
  /** As they came, for a thread that makes a client of its own. */
  readonly given: KafkaOptions
  readonly codec: Codec
  readonly lingerMs: number | undefined
  readonly transactionVersion: 1 | 2
  readonly poisonLoans: boolean
}

const numbers = {
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  retryForMs: 120_000,
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 300_000,
  heartbeatIntervalMs: 500,
  maxPollIntervalMs: 300_000,
} as const

const dayMs = 86_400_000

/** Throws CONFIGURATION, which says what is wrong and what is allowed. */
export function checked(options: KafkaOptions): KafkaSettings {
  const {
    brokers = [],
    bootstrapServers = '',
    clientId = 'riacho',
    compression = 'none',
    tls,
    sasl,
    transactionVersion = 2,
    poisonLoans,
  } = options
  const names = [...brokers, ...bootstrapServers.split(',')].map(name => name.trim()).filter(name => name !== '')
  if (names.length === 0) throw wrong('no broker is named: give `brokers`, such as ["localhost:9092"]')
  if (!codecs.includes(compression)) throw wrong(`compression is ${JSON.stringify(compression)}: give one of ${codecs.join(', ')}`)
  if (sasl !== undefined && !mechanisms.includes(sasl.mechanism))
    throw wrong(`sasl.mechanism is ${JSON.stringify(sasl.mechanism)}: give one of ${mechanisms.join(', ')}`)
  const time = (name: keyof typeof numbers | 'lingerMs', value = options[name] ?? numbers[name as keyof typeof numbers]): number => {
    if (Number.isInteger(value) && value > 0 && value <= dayMs) return value
    throw wrong(`${name} is ${value}: give a whole number of milliseconds from 1 to ${dayMs}`)
  }
  const [connectTimeoutMs, requestTimeoutMs, retryForMs] = [time('connectTimeoutMs'), time('requestTimeoutMs'), time('retryForMs')]
  const [sessionTimeoutMs, rebalanceTimeoutMs] = [time('sessionTimeoutMs'), time('rebalanceTimeoutMs')]
  const heartbeatIntervalMs = time('heartbeatIntervalMs')
  // What Kafka allows as the name of a topic.
  if (options.instanceId !== undefined && !/^(?!\.{1,2}$)[\w.-]{1,249}$/.test(options.instanceId))
    throw wrong(`instanceId is ${JSON.stringify(options.instanceId)}: give up to 249 letters, digits, dots, dashes and underscores`)
  if (heartbeatIntervalMs * 3 > sessionTimeoutMs)
    throw wrong(`heartbeatIntervalMs is ${heartbeatIntervalMs}: give at most a third of sessionTimeoutMs (${sessionTimeoutMs})`)
  return {
    bootstrap: names.map(addressOf),
    link: { clientId, connectTimeoutMs, requestTimeoutMs, retryForMs, tls, authenticate: sasl && (request => authenticate(request, sasl)) },
    member: { sessionTimeoutMs, rebalanceTimeoutMs, heartbeatIntervalMs, maxPollIntervalMs: time('maxPollIntervalMs') },
    instanceId: options.instanceId,
    given: options,
    codec: compression,
    lingerMs: options.lingerMs === undefined ? undefined : time('lingerMs'),
    transactionVersion,
    poisonLoans: poisonLoans ?? Boolean(process.env.RIACHO_POISON_LOANS),
  }
}

/** An IPv6 address stands in brackets. */
function addressOf(name: string): Address {
  const [, host, port] = /^\[?([^\s\]]+?)\]?:(\d{1,5})$/.exec(name) ?? []
  if (host === undefined || Number(port) > 65_535)
    throw wrong(`${JSON.stringify(name)} is no broker: give host:port, such as localhost:9092`)
  return { host, port: Number(port) }
}

const wrong = (message: string): KafkaError => new KafkaError('CONFIGURATION', message)
