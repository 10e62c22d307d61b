import { type Broker, type Clock, type OffsetReset, RiachoError, type StoreSuppliers, systemClock } from '@riacho/streams/engine'
import type { CrashLoopOptions } from './task/crash-guard.ts'

/** Options of an application. Times in milliseconds, sizes in bytes. */
export interface AppOptions {
  readonly broker: Broker
  /** Default 'at-least-once'. */
  readonly guarantee?: 'at-least-once' | 'exactly-once'
  /** Default 30,000; exactly once 100. */
  readonly commitIntervalMs?: number
  readonly clock?: Clock
  /** Where topics are read of which the group has committed nothing, or of which what comes next is gone; a source may say otherwise. Default 'earliest', as Kafka Streams. */
  readonly offsetReset?: OffsetReset
  /** On how many brokers internal topics are kept (Kafka Streams: `replication.factor`). Default: what the cluster is configured with. */
  readonly replicationFactor?: number
  /**
   * For how long a cluster keeps rows of windows and sessions beyond the time for which their store needs them (Kafka Streams: `windowstore.changelog.additional.retention.ms`).
   * The cluster goes by the wall clock: who processes records that are older than that, and has no state on disk, sets it higher. Default: a day.
   */
  readonly changelogAdditionalRetentionMs?: number
  /** Keeps rows elsewhere than in memory, as `lmdb({ directory })` of `@riacho/lmdb` does. Default: all state is in memory. */
  readonly stores?: StoreSuppliers
  /** Operators' stream time survives a restart, so that a record that was late stays late. Default false, as Kafka Streams. */
  readonly keepStreamTime?: boolean
  /** How long a task with an empty input waits for it while others have records: -1 not at all, 0 (default) for what the broker is known to hold, more: for new records. */
  readonly maxTaskIdleMs?: number
  /** For tests, it costs time: decoded values are frozen, so that user code which changes one is found, and rxjs operators that keep memory are found. Default false. */
  readonly strict?: boolean
  /** Is told what happens: one call per event, never per record. */
  readonly log?: (event: AppEvent) => void
  /** What to do with a record that kills the process again and again. Default: nothing, it is taken again at every start. */
  readonly crashLoop?: CrashLoopOptions
  readonly limits?: Partial<Limits>
}

/** An event of an application's life, for a log. */
export interface AppEvent {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly [fact: string]: unknown
}

/** What an application may hold and wait for. */
export interface Limits {
  /** Bytes of one partition's queue beyond which it is not fetched. */
  readonly queueBytesMax: number
  /** Bytes in all queues and producers of the process beyond which only empty queues are filled. */
  readonly memoryBytesMax: number
  /** Bytes that a producer may hold before the task flushes it, and a changelog before it commits. */
  readonly producerBytesMax: number
  /** Bytes of key, value and headers of a record that may be written to a sink or a repartition topic. Default: what the broker says that any topic takes. */
  readonly recordBytesMax: number
  /** Writes to stores since the last commit beyond which the task commits. */
  readonly uncommittedWritesMax: number
  /** Records read from a connector at once. */
  readonly connectorRecordsMax: number
  /** Longest wait of a commit for asynchronous work: the lesser of this and a third of the transaction's time-out. */
  readonly commitDrainMs: number
  /** Longest wait of a hand-over for asynchronous work. */
  readonly revokeDrainMs: number
  /** Broker-side limit of a transaction. */
  readonly transactionTimeoutMs: number
  /** How often records of repartition topics that a commit covers are deleted. */
  readonly repartitionPurgeMs: number
  /** For how long the application goes on while the broker cannot be reached (Kafka Streams: `task.timeout.ms`). */
  readonly brokerAwayMs: number
  /** A restore that makes no progress for so long stops the application. */
  readonly restoreStallMs: number
  /** Time that a turn runs before it lets the process breathe. */
  readonly turnMs: number
}

/** All options, with their defaults. */
export interface Settings extends Omit<Required<AppOptions>, 'limits' | 'crashLoop' | 'stores' | 'replicationFactor'> {
  readonly crashLoop: CrashLoopOptions | undefined
  readonly replicationFactor: number | undefined
  readonly stores: StoreSuppliers | undefined
  readonly limits: Limits
  readonly exactlyOnce: boolean
}

const day = 86_400_000

const defaults: Limits = Object.freeze({
  queueBytesMax: 8 << 20,
  memoryBytesMax: 256 << 20,
  producerBytesMax: 16 << 20,
  recordBytesMax: Number.MAX_SAFE_INTEGER,
  uncommittedWritesMax: 50_000,
  connectorRecordsMax: 1000,
  commitDrainMs: 5000,
  revokeDrainMs: 2000,
  transactionTimeoutMs: 60_000,
  repartitionPurgeMs: 30_000,
  brokerAwayMs: 300_000,
  restoreStallMs: 60_000,
  turnMs: 10,
})

/** Fills in defaults and checks. Throws `RIACHO_OPTION`. */
export function settings(options: AppOptions): Settings {
  const guarantee = options.guarantee ?? 'at-least-once'
  if (guarantee !== 'at-least-once' && guarantee !== 'exactly-once') {
    throw new RiachoError('RIACHO_OPTION', `guarantee is 'at-least-once' or 'exactly-once', not '${String(guarantee)}'`)
  }
  const startsMax = options.crashLoop?.startsMax ?? 1
  if (!(Number.isSafeInteger(startsMax) && startsMax > 0))
    throw new RiachoError('RIACHO_OPTION', `crashLoop.startsMax is a whole number above 0, not ${startsMax}`)
  const exactlyOnce = guarantee === 'exactly-once'
  const { recordBytesMax = defaults.recordBytesMax } = options.broker
  const limits = { ...defaults, recordBytesMax, ...options.limits }
  for (const [name, limit] of Object.entries(limits)) {
    if (!(Number.isSafeInteger(limit) && limit > 0))
      throw new RiachoError('RIACHO_OPTION', `limits.${name} is a whole number above 0, not ${limit}`)
  }
  const commitIntervalMs = options.commitIntervalMs ?? (exactlyOnce ? 100 : 30_000)
  if (!(Number.isSafeInteger(commitIntervalMs) && commitIntervalMs >= 0)) {
    throw new RiachoError('RIACHO_OPTION', `commitIntervalMs is a whole number, 0 or more, not ${commitIntervalMs}`)
  }
  if (exactlyOnce && commitIntervalMs > limits.transactionTimeoutMs) {
    throw new RiachoError(
      'RIACHO_OPTION',
      `commitIntervalMs (${commitIntervalMs}) is at most limits.transactionTimeoutMs (${limits.transactionTimeoutMs}) when exactly once: the broker aborts a transaction that is open for longer`,
    )
  }
  const maxTaskIdleMs = options.maxTaskIdleMs ?? 0
  if (!(Number.isSafeInteger(maxTaskIdleMs) && maxTaskIdleMs >= -1))
    throw new RiachoError('RIACHO_OPTION', `maxTaskIdleMs is a whole number, -1 or more, not ${maxTaskIdleMs}`)
  const { offsetReset = 'earliest', replicationFactor, changelogAdditionalRetentionMs = day } = options
  if (!['earliest', 'latest', 'none'].includes(offsetReset))
    throw new RiachoError('RIACHO_OPTION', `offsetReset is 'earliest', 'latest' or 'none', not '${String(offsetReset)}'`)
  if (replicationFactor !== undefined && !(Number.isSafeInteger(replicationFactor) && replicationFactor > 0 && replicationFactor < 32_768))
    throw new RiachoError('RIACHO_OPTION', `replicationFactor is a whole number of brokers above 0, not ${replicationFactor}`)
  if (!(Number.isSafeInteger(changelogAdditionalRetentionMs) && changelogAdditionalRetentionMs >= 0))
    throw new RiachoError(
      'RIACHO_OPTION',
      `changelogAdditionalRetentionMs is a whole number, 0 or more, not ${changelogAdditionalRetentionMs}`,
    )
  return Object.freeze({
    broker: options.broker,
    guarantee,
    exactlyOnce,
    commitIntervalMs,
    clock: options.clock ?? systemClock,
    keepStreamTime: options.keepStreamTime ?? false,
    maxTaskIdleMs,
    strict: options.strict ?? false,
    offsetReset,
    replicationFactor,
    changelogAdditionalRetentionMs,
    crashLoop: options.crashLoop,
    stores: options.stores,
    log: options.log ?? (() => {}),
    limits: Object.freeze(limits),
  })
}
