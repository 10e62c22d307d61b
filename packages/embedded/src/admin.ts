import {
  type Admin,
  BrokerError,
  type CommittedOffset,
  type PartitionOffsets,
  type TopicPartition,
  type TopicSpec,
} from '@riacho/streams/engine'
import { unknownPartition } from './errors.ts'
import type { PartitionLog } from './log.ts'

/** What the admin needs of its broker. */
export interface AdminHome {
  create(topic: TopicSpec): void
  partitionCount(topic: string): number | undefined
  find(at: TopicPartition): PartitionLog | undefined
  committed(group: string, of: readonly TopicPartition[]): Promise<readonly CommittedOffset[]>
  deleteBefore(log: PartitionLog, offset: number): void
  /** Throws when the broker is closed. */
  check(): void
  /** Looks for what another process has written. */
  refresh(): void
}

/** Topics, offsets and retention. */
export class LogAdmin implements Admin {
  readonly #home: AdminHome

  constructor(home: AdminHome) {
    this.#home = home
  }

  async createTopics(topics: readonly TopicSpec[]): Promise<void> {
    this.#home.check()
    for (const topic of topics) this.#home.create(topic)
  }

  async partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    this.#home.check()
    const counts = new Map<string, number>()
    for (const topic of topics) {
      const count = this.#home.partitionCount(topic)
      if (count !== undefined) counts.set(topic, count)
    }
    return counts
  }

  async offsets(of: readonly TopicPartition[]): Promise<readonly PartitionOffsets[]> {
    this.#home.check()
    this.#home.refresh()
    return of.map(at => {
      const log = this.#find(at)
      return { topic: at.topic, partition: at.partition, start: log.start, highWatermark: log.end, lastStable: log.lastStable }
    })
  }

  async committed(group: string, of: readonly TopicPartition[]): Promise<readonly CommittedOffset[]> {
    this.#home.check()
    this.#home.refresh()
    return this.#home.committed(group, of)
  }

  async deleteRecords(before: readonly CommittedOffset[]): Promise<void> {
    this.#home.check()
    const logs = before.map(one => {
      const log = this.#find(one)
      if (!Number.isSafeInteger(one.offset) || one.offset < 0 || one.offset > log.end)
        throw new BrokerError(
          'OFFSET_OUT_OF_RANGE',
          `Cannot delete records of ${one.topic}-${one.partition} below ${one.offset}: it ends at ${log.end}.`,
        )
      return [log, one.offset] as const
    })
    for (const [log, offset] of logs) this.#home.deleteBefore(log, offset)
  }

  #find(at: TopicPartition): PartitionLog {
    const log = this.#home.find(at)
    if (log === undefined) throw unknownPartition(at)
    return log
  }
}
