import {
  type Admin,
  type Broker,
  BrokerError,
  type Clock,
  type CommittedOffset,
  type Fetcher,
  type FetchOptions,
  type GroupCallbacks,
  type GroupOptions,
  type Membership,
  type Producer,
  type ProducerOptions,
  type TopicPartition,
  type TopicSpec,
} from '@riacho/streams/engine'
import { LogAdmin } from './admin.ts'
import { closed, readOnlyBroker, staleMember } from './errors.ts'
import { LogFetcher } from './fetcher.ts'
import type { Frames } from './frames.ts'
import { Group } from './group.ts'
import type { PartitionLog } from './log.ts'
import { LogProducer } from './producer.ts'
import type { Storage } from './storage.ts'
import { checkTopic } from './topics.ts'
import { Transactions } from './transaction.ts'

/** A {@link Broker} in the process. */
export interface EmbeddedBroker extends Broker {
  /** The topics, in order of creation. */
  readonly topics: readonly TopicSpec[]
  /** Slices that are lent and not yet released. */
  readonly loans: number
}

/** How a {@link LogBroker} behaves. */
export interface BrokerSettings {
  readonly clock: Clock
  readonly partitionsDefault: number
  readonly autoCreateTopics: boolean
  readonly readOnly: boolean
}

const metadataMax = 4096
const transactionTimeoutMax = 900_000

/** The broker over its storage. */
export class LogBroker implements EmbeddedBroker {
  readonly admin: Admin
  readonly clock: Clock
  readonly transactions: Transactions
  readonly #settings: BrokerSettings
  readonly #storage: Storage
  readonly #frames: Frames
  readonly #groups = new Map<string, Group>()
  readonly #fetchers = new Set<Fetcher>()
  readonly #producers = new Set<LogProducer>()
  #closed = false

  constructor(settings: BrokerSettings, storage: Storage, frames: Frames) {
    this.#settings = settings
    this.#storage = storage
    this.#frames = frames
    this.clock = settings.clock
    this.transactions = new Transactions(settings.clock, storage.journal, storage.offsets, storage.nextProducerId)
    this.admin = new LogAdmin(this)
  }

  get topics(): readonly TopicSpec[] {
    return this.#storage.topics.specs()
  }

  get loans(): number {
    return this.#frames.lent
  }

  async join(options: GroupOptions, on: GroupCallbacks): Promise<Membership> {
    this.#checkWritable()
    for (const topic of options.topics) this.#auto(topic)
    const group = this.#groups.get(options.group) ?? new Group(options.group, this)
    this.#groups.set(options.group, group)
    return group.join(options, on)
  }

  fetcher(options: FetchOptions): Fetcher {
    this.check()
    const fetcher = new LogFetcher(this, options, this.#settings.readOnly)
    this.#fetchers.add(fetcher)
    return fetcher
  }

  async producer(options: ProducerOptions): Promise<Producer> {
    this.#checkWritable()
    const timeout = options.transactionTimeout ?? 60_000
    if (!(timeout >= 1 && timeout <= transactionTimeoutMax))
      throw new BrokerError(
        'INVALID_TRANSACTION_TIMEOUT',
        `A transaction cannot time out after ${timeout} ms. Use 1 to ${transactionTimeoutMax}.`,
      )
    const transaction = options.transactionalId === undefined ? undefined : this.transactions.start(options.transactionalId, timeout)
    const producer = new LogProducer(this, options, transaction)
    this.#producers.add(producer)
    return producer
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.transactions.close()
    for (const group of this.#groups.values()) group.close()
    for (const fetcher of [...this.#fetchers]) fetcher.close()
    // Another process may have the directory next: nothing may be written there any more.
    for (const producer of [...this.#producers]) void producer.close()
    this.#storage.close()
  }

  // What the parts of the broker ask of it.

  check(): void {
    if (this.#closed) throw closed('broker')
  }

  log(at: TopicPartition): PartitionLog | BrokerError {
    if (this.#closed) return closed('broker')
    try {
      this.#auto(at.topic)
    } catch (thrown) {
      if (thrown instanceof BrokerError) return thrown
      throw thrown
    }
    return this.#storage.topics.expect(at)
  }

  find(at: TopicPartition): PartitionLog | undefined {
    return this.#storage.topics.find(at)
  }

  create(topic: TopicSpec): void {
    this.#checkWritable()
    checkTopic(topic)
    if (this.#storage.topics.has(topic.name)) return
    this.#storage.create(topic)
    for (const group of this.#groups.values()) if (group.topics.includes(topic.name)) group.rebalance()
  }

  partitionCount(topic: string): number | undefined {
    return this.#storage.topics.count(topic)
  }

  partitionsOf(topics: readonly string[]): readonly TopicPartition[] {
    return topics.flatMap(topic => Array.from({ length: this.partitionCount(topic) ?? 0 }, (_, partition) => ({ topic, partition })))
  }

  async committed(group: string, of: readonly TopicPartition[]): Promise<readonly CommittedOffset[]> {
    await this.transactions.stable(group, of)
    this.check()
    return this.#storage.offsets.of(group, of)
  }

  commit(group: string, offsets: readonly CommittedOffset[]): void {
    this.#checkWritable()
    this.checkOffsets(offsets)
    const copies = offsets.map(one => ({ ...one }))
    this.#storage.journal.append({ kind: 'offsets', group, offsets: copies })
    this.#storage.offsets.apply(group, copies)
    this.transactions.payOwed()
  }

  checkOffsets(offsets: readonly CommittedOffset[]): void {
    for (const one of offsets) {
      if (!Number.isSafeInteger(one.offset) || one.offset < 0)
        throw new BrokerError('OFFSET', `${one.offset} is no offset to commit for ${one.topic}-${one.partition}.`)
      if ((one.metadata?.length ?? 0) > metadataMax)
        throw new BrokerError(
          'OFFSET_METADATA_TOO_LARGE',
          `The metadata of ${one.topic}-${one.partition} is above ${metadataMax} characters.`,
        )
    }
  }

  deleteBefore(log: PartitionLog, offset: number): void {
    this.#checkWritable()
    if (offset <= log.start) return
    // In this order a full disk can be made room on. Killed between the two, the broker shows a few of the records again.
    log.deleteBefore(offset)
    this.#storage.journal.append({ kind: 'start', topic: log.topic, partition: log.partition, offset })
  }

  checkMember(member: Membership): void {
    const group = this.#groups.get(member.group)
    if (group === undefined) throw staleMember(member.group, member.memberId, 'UNKNOWN_MEMBER_ID')
    group.check(member)
  }

  closed(part: Fetcher | LogProducer): void {
    if (part instanceof LogProducer) this.#producers.delete(part)
    else this.#fetchers.delete(part)
  }

  refresh(): void {
    this.#storage.refresh()
    this.transactions.payOwed()
  }

  #auto(topic: string): void {
    const { autoCreateTopics, partitionsDefault, readOnly } = this.#settings
    if (autoCreateTopics && !readOnly && !this.#storage.topics.has(topic)) this.create({ name: topic, partitions: partitionsDefault })
  }

  #checkWritable(): void {
    this.check()
    if (this.#settings.readOnly) throw readOnlyBroker()
  }
}
