import type { TopicPartition } from '@riacho/streams/engine'

/** What the driver calls back with: an error, or an answer. */
export type Done<Answer = unknown> = (failure: unknown, answer: Answer) => void

/** A partition of the driver with an offset to begin at, to commit, or that was committed. */
export interface DriverOffset extends TopicPartition {
  readonly offset: number
  readonly metadata?: string | null
  readonly error?: unknown
}

/** A record that the driver read. */
export interface DriverMessage extends TopicPartition {
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: readonly Readonly<Record<string, Buffer>>[]
}

/** A client of the driver. It emits events, and needs `connect` first. */
export interface DriverClient {
  connect(about: { allTopics: boolean; timeout: number }, done: Done): void
  disconnect(done: Done): void
  on(event: 'event.error', told: (failure: unknown) => void): void
}

/** A consumer of the driver: used either by hand (`incrementalAssign`) or as a member of a group (`subscribe`). */
export interface DriverConsumer extends DriverClient {
  setDefaultConsumeTimeout(ms: number): void
  consume(count: number, done: Done<readonly DriverMessage[]>): void
  on(event: 'event.error', told: (failure: unknown) => void): void
  on(event: 'partition.eof', told: (end: DriverOffset) => void): void
  incrementalAssign(partitions: readonly DriverOffset[]): void
  incrementalUnassign(partitions: readonly TopicPartition[]): void
  assignmentLost(): boolean
  subscribe(topics: readonly string[]): void
  unsubscribe(): void
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  /** Only begins: the outcome comes to `offset_commit_cb`. So it is with its `commitCb`, whatever the name says. */
  commit(offsets: readonly DriverOffset[]): void
  getWatermarkOffsets(topic: string, partition: number): { readonly lowOffset: number; readonly highOffset: number }
}

/** A producer of the driver. */
export interface DriverProducer extends DriverClient {
  on(event: 'event.error', told: (failure: unknown) => void): void
  on(event: 'delivery-report', told: (failure: unknown, of: TopicPartition) => void): void
  produce(
    topic: string,
    partition: number,
    value: Buffer | null,
    key: Buffer | null,
    timestamp: number,
    opaque: undefined,
    headers: readonly Readonly<Record<string, Buffer>>[] | undefined,
  ): void
  flush(timeoutMs: number, done: Done): void
  /** `disconnect` without a flush before. */
  _disconnect(done: Done): void
  initTransactions(timeoutMs: number, done: Done): void
  beginTransaction(done: Done): void
  commitTransaction(timeoutMs: number, done: Done): void
  abortTransaction(timeoutMs: number, done: Done): void
  sendOffsetsToTransaction(offsets: readonly DriverOffset[], consumer: DriverConsumer, timeoutMs: number, done: Done): void
}

/** The driver's administrator. */
export interface DriverAdmin {
  disconnect(): void
  createTopic(
    topic: { topic: string; num_partitions: number; replication_factor: number; config: Readonly<Record<string, string>> },
    timeoutMs: number,
    done: Done,
  ): void
  describeTopics(topics: readonly string[], about: { timeout: number }, done: Done<readonly DriverTopic[]>): void
  listOffsets(
    of: readonly (TopicPartition & { readonly offset: unknown })[],
    about: { timeout: number; isolationLevel: number },
    done: Done<readonly DriverOffset[]>,
  ): void
  listConsumerGroupOffsets(
    of: readonly { groupId: string; partitions: readonly TopicPartition[] }[],
    about: { timeout: number; requireStableOffsets: boolean },
    done: Done<readonly { readonly error?: unknown; readonly partitions: readonly DriverOffset[] }[]>,
  ): void
  deleteRecords(before: readonly DriverOffset[], about: { timeout: number }, done: Done<readonly DriverOffset[]>): void
  listTopics(about: { timeout: number }, done: Done): void
}

/** What is known of a topic. */
export interface DriverTopic {
  readonly name: string
  readonly error?: unknown
  readonly partitions: readonly { readonly leader?: { readonly id: number } | undefined }[]
}

/** Settings of librdkafka by their names there. */
export type DriverSettings = Readonly<Record<string, unknown>>

/** What is used of `@confluentinc/kafka-javascript`: its raw interface, not the one that looks like KafkaJS. */
export interface Driver {
  readonly KafkaConsumer: new (settings: DriverSettings, topicSettings: DriverSettings) => DriverConsumer
  readonly Producer: new (settings: DriverSettings, topicSettings: DriverSettings) => DriverProducer
  readonly AdminClient: {
    create(
      settings: DriverSettings,
      on: { 'event.error': (failure: unknown) => void; 'event.log': (said: { readonly message: string }) => void },
    ): DriverAdmin
  }
  readonly OffsetSpec: { readonly EARLIEST: unknown; readonly LATEST: unknown }
  readonly CODES: { readonly ERRORS: Readonly<Record<string, number>> }
  /** What librdkafka was built with, such as `sasl_gssapi` and `zstd`. */
  readonly features: readonly string[]
  readonly librdkafkaVersion: string
}

/** Awaits a call that calls back. */
export const called = <Answer>(call: (done: Done<Answer>) => void): Promise<Answer> =>
  new Promise((resolve, reject) => {
    call((failure, answer) => {
      if (failure) reject(failure)
      else resolve(answer)
    })
  })
