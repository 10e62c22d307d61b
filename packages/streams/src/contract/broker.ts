import type { Headers } from './record.ts'

/**
 * What the engine needs of Kafka. Implementations: `@riacho/embedded` (in the process) and a client of a real cluster.
 *
 * Offsets and timestamps are numbers; an implementation throws above 2^53-1. Failures are {@link BrokerError}s.
 */
export interface Broker {
  readonly admin: Admin
  /** Bytes of key, value and headers of a record that any topic takes unless it is told otherwise. Undefined: no limit. */
  readonly recordBytesMax?: number
  /** What it cannot do of this contract, frozen. Undefined: it does all. */
  readonly capabilities?: BrokerCapabilities
  /** Joins a consumer group. Resolves when the member is known; the first assignment arrives by `on.assigned`. */
  join(group: GroupOptions, on: GroupCallbacks): Promise<Membership>
  /** A reader of partitions. It knows nothing about groups: the engine owns positions. */
  fetcher(options: FetchOptions): Fetcher
  /**
   * An idempotent producer; transactional when `transactionalId` is given: then older producers with that id are fenced, and what they
   * left open is aborted.
   */
  producer(options: ProducerOptions): Promise<Producer>
  /** Releases everything; open transactions are left to time out or to be fenced. */
  close(): Promise<void>
}

/** The limits of a client that cannot do all of the contract. What is asked beyond them fails with `UNSUPPORTED`, fatal. */
export interface BrokerCapabilities {
  /** Whether {@link GroupOptions.assign} is used; otherwise `join` rejects when it is given. */
  readonly customAssignment: boolean
  /** Whether transactions are of version 2 (KIP-890) where the cluster has them; a transaction that took too long then does not look like a fenced one. */
  readonly secondTransactions: boolean
  /** Whether a header may have no value. An empty one it may always have. */
  readonly headersWithoutValue: boolean
  /** The earliest timestamp that a record may have. */
  readonly earliestTimestamp: number
}

/** A failure of the broker or of the way to it, flattened. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError'
  readonly code: string
  /** The same call may be made again. */
  readonly retriable: boolean
  /**
   * A newer producer or member has taken over: nothing of this one counts any more. Together with `abortable`: the member of
   * {@link Producer.sendOffsets} is gone, but the producer is not.
   */
  readonly fenced: boolean
  /** The transaction must be aborted; the producer stays usable. */
  readonly abortable: boolean
  /** Trying again cannot help before somebody mends the cause. */
  readonly fatal: boolean
  /** The partition that it is about, if it is about one: `poll` says so which one is out of range, a flush or a commit of a producer which one took nothing. */
  readonly at: TopicPartition | undefined
  constructor(
    code: string,
    message: string,
    is: {
      retriable?: boolean
      fenced?: boolean
      abortable?: boolean
      fatal?: boolean
      at?: TopicPartition | undefined
      cause?: unknown
    } = {},
  ) {
    super(message, { cause: is.cause })
    this.code = code
    this.retriable = is.retriable ?? false
    this.fenced = is.fenced ?? false
    this.abortable = is.abortable ?? false
    this.fatal = is.fatal ?? false
    this.at = is.at
  }
}

/** One partition of a topic. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** `offset` is the next record to read. `metadata` is at most 4,096 characters. */
export interface CommittedOffset extends TopicPartition {
  readonly offset: number
  readonly metadata?: string
}

/** A topic to create. */
export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  /** On how many brokers it is kept. Default: what the cluster is configured with. */
  readonly replicas?: number
  /** Kafka's topic configuration, such as `cleanup.policy`. */
  readonly config?: Readonly<Record<string, string>>
}

/** What the engine asks of a cluster beside reading and writing. */
export interface Admin {
  /**
   * Creates what is missing and waits until it can be used. A topic that exists is left as it is,
   * whatever its partitions.
   */
  createTopics(topics: readonly TopicSpec[]): Promise<void>
  /** Partition counts by topic; unknown topics are absent. */
  partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** First retained offset, high watermark, and last stable offset (the first offset that read_committed may not see yet). */
  offsets(of: readonly TopicPartition[]): Promise<readonly PartitionOffsets[]>
  /**
   * Committed offsets of a group; partitions without one are absent. Waits for transactions that hold offsets of these partitions
   * (requireStable), for a limited time: then UNSTABLE_OFFSET_COMMIT, retriable.
   */
  committed(group: string, of: readonly TopicPartition[]): Promise<readonly CommittedOffset[]>
  /** The first offset whose record is of this time (epoch milliseconds) or later; partitions without such a record are absent. For brokers that keep an index by time. */
  offsetsAt?(time: number, of: readonly TopicPartition[]): Promise<readonly CommittedOffset[]>
  /** Removes records below `offset`. */
  deleteRecords(before: readonly CommittedOffset[]): Promise<void>
}

/** The ends of a partition. */
export interface PartitionOffsets extends TopicPartition {
  readonly start: number
  readonly highWatermark: number
  readonly lastStable: number
}

/** What a member brings to its group. */
export interface GroupOptions {
  readonly group: string
  readonly topics: readonly string[]
  /**
   * Distributes partitions over members; called on one of them. `members` are sorted by id. Default: range by topic, equal partition
   * numbers of all topics together.
   */
  readonly assign?: (members: readonly string[], partitions: readonly TopicPartition[]) => ReadonlyMap<string, readonly TopicPartition[]>
  /** Instead of `assign`: what members tell one another comes with it. */
  readonly assignor?: GroupAssignor
  /**
   * The name that this member keeps when its process starts again (`group.instance.id`): as long as the group has not missed it, it gets the
   * same partitions, and the others notice nothing. A second member of that name takes its place: the first is told by `lost`, fatally.
   */
  readonly instanceId?: string
}

/** Distributes the partitions of a group by what its members tell about themselves. All members of a group have equal ones. */
export interface GroupAssignor {
  /** What this member tells; asked before each rebalance. */
  data?(): Uint8Array | undefined
  /** Called on one of the members, which are sorted by id. What another member still owns is held back until it has given that up. */
  assign(members: readonly GroupMember[], partitions: readonly TopicPartition[]): ReadonlyMap<string, GroupShare>
}

/** What the member that distributes knows of each. */
export interface GroupMember {
  readonly id: string
  readonly instanceId?: string | undefined
  readonly data?: Uint8Array | undefined
  readonly owned: readonly TopicPartition[]
}

/** What a member is given, and told. */
export interface GroupShare {
  readonly partitions: readonly TopicPartition[]
  readonly data?: Uint8Array | undefined
}

/** What a group tells its member. The engine answers between two steps of its loop. */
export interface GroupCallbacks {
  /**
   * These partitions are this member's from now on, beside those it has. Called once after joining, with none if there are none for it yet;
   * and after every rebalance in which the member is told something by the {@link GroupAssignor}.
   */
  assigned(partitions: readonly TopicPartition[], data?: Uint8Array): Promise<void>
  /** Awaited before the partitions can move: finish, flush and commit here. */
  revoked(partitions: readonly TopicPartition[]): Promise<void>
  /** The partitions are somebody else's already: no commit is possible. The member joins again by itself, under another id; not when `reason` is fatal. */
  lost(partitions: readonly TopicPartition[], reason: BrokerError): void
}

/** A member of a consumer group. */
export interface Membership {
  readonly group: string
  /** Changes when the member was lost. */
  readonly memberId: string
  /** Changes at every rebalance; -1 before the first and while lost. */
  readonly generation: number
  /** Waits while the group rebalances. Fails with a fenced error when the generation is no longer the group's. */
  commit(offsets: readonly CommittedOffset[]): Promise<void>
  /**
   * Says that whoever works for this member goes on. From the first call on it is missed: when it has not come for the longest time between
   * two polls (`max.poll.interval.ms`) the member leaves, is told so by `lost`, and joins again at the next call. Not while a callback runs.
   */
  alive?(): void
  /**
   * Gives up the partitions (no `revoked` is called) and leaves the group at once. A member with an `instanceId` falls silent instead, so that
   * it may come back; `forGood` makes it leave, too.
   */
  leave(forGood?: boolean): Promise<void>
}

/** How much a fetcher hands out at once, and what it may see. */
export interface FetchOptions {
  readonly isolation: 'read_committed' | 'read_uncommitted'
  /** Most bytes of one partition in one poll; a single batch may be larger. */
  readonly partitionBytesMax?: number
  /** Most bytes of one poll. */
  readonly bytesMax?: number
}

/** Reads partitions in order, from positions that its owner keeps. */
export interface Fetcher {
  /**
   * Reads this partition from `offset`, too. An offset out of range makes every `poll` reject with `OFFSET_OUT_OF_RANGE` and the
   * partition (`at`) until it is sought or removed.
   */
  add(at: TopicPartition, offset: number): void
  remove(at: TopicPartition): void
  pause(at: TopicPartition): void
  resume(at: TopicPartition): void
  seek(at: TopicPartition, offset: number): void
  /**
   * Whole slices of partitions, also those without a visible record (their cursor only moves the position), as soon as there are any, or
   * none after `maxWait` milliseconds. A partition's slices are handed out in order
   * and without gaps; partitions take turns, so that a busy one does not starve others. Also returns early, with nothing, after {@link
   * wake}.
   */
  poll(maxWait: number): Promise<readonly RecordBatches[]>
  /** Ends a waiting poll early, or the next one if none waits. */
  wake(): void
  close(): void
}

/** A slice of one partition, on loan: its frame is used again after `release()`, and every view into it is then invalid. */
export interface RecordBatches extends TopicPartition {
  readonly bytes: number
  readonly highWatermark: number
  readonly lastStable: number
  /** One walk over the visible records. Call it once. */
  cursor(): RecordCursor
  /** Gives the frame back. Call it once. */
  release(): void
}

/**
 * A flyweight over the records of a slice: nothing is allocated per record, and all fields are valid until the next `next()`.
 * Control records and aborted records are never shown.
 */
export interface RecordCursor {
  next(): boolean
  readonly offset: number
  readonly timestamp: number
  /** Where the key lies; `keyStart` is -1 for a null key. */
  readonly keyFrame: Buffer
  readonly keyStart: number
  readonly keyEnd: number
  /** Where the value lies; `valueStart` is -1 for a null value. */
  readonly valueFrame: Buffer
  readonly valueStart: number
  readonly valueEnd: number
  readonly hasHeaders: boolean
  /** Copies of the headers: safe to keep. */
  headers(): Headers
  /** Offset to commit after the current record: past control records, aborted records and compacted gaps once the slice is walked. */
  readonly position: number
}

/** How a producer writes. */
export interface ProducerOptions {
  readonly transactionalId?: string
  /** Broker-side limit of an open transaction in milliseconds. */
  readonly transactionTimeout?: number
  /** Size at which a batch is closed and may be sent. */
  readonly batchBytesMax?: number
  /**
   * Sends nothing before `flush()`: for changelogs, which may not be durable before what they caused. The caller bounds `bufferedBytes`.
   */
  readonly holdUntilFlush?: boolean
}

/**
 * Appending is soft: it never fails for want of room. The engine looks at `bufferedBytes` between turns and stops reading while it is too
 * high.
 */
export interface Producer {
  /**
   * The writer of one partition; the same object for the same partition. A transaction begins at the first append or
   * {@link Producer.sendOffsets}. Only a full batch may be sent before the next flush: nothing lingers.
   */
  partition(at: TopicPartition): PartitionWriter
  readonly bufferedBytes: number
  /**
   * Resolves when everything appended so far is durable; rejects with the first failure. Clears that failure, but in a transaction only
   * {@link Producer.abort} does: until then everything else rejects.
   */
  flush(): Promise<void>
  /** Adds the offsets to the open transaction, with the member's generation (KIP-447). A refusal breaks the transaction: everything else rejects until the abort. */
  sendOffsets(member: Membership, offsets: readonly CommittedOffset[]): Promise<void>
  /**
   * Flushes, then ends the transaction. When it resolves the outcome is certain; readers may see it a moment later. When it rejects the
   * outcome is unknown, unless the error is abortable: make a new producer with the same id.
   */
  commit(): Promise<void>
  /**
   * Throws away what is buffered and aborts the transaction, if one is open; nothing is wrong if the broker did so before, because it was
   * open for too long.
   */
  abort(): Promise<void>
  /** Throws away what is not flushed. An open transaction is left as {@link Broker.close} leaves it. */
  close(): Promise<void>
}

/** Appends to one partition. */
export interface PartitionWriter {
  /** Copies key, value and headers before it returns. Strings are written as UTF-8. */
  append(timestamp: number, key: string | Uint8Array | null, value: string | Uint8Array | null, headers?: Headers): void
}
