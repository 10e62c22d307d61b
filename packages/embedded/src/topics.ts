import { BrokerError, type TopicPartition, type TopicSpec } from '@riacho/streams/engine'
import { unknownPartition } from './errors.ts'
import { PartitionLog } from './log.ts'
import type { SegmentStore } from './segment.ts'

const partitionsMax = 10_000

interface Topic {
  readonly spec: TopicSpec
  readonly logs: readonly PartitionLog[]
}

/** The topics of a broker and their logs. */
export class Topics {
  readonly #storeOf: (at: TopicPartition) => SegmentStore
  readonly #topics = new Map<string, Topic>()

  constructor(storeOf: (at: TopicPartition) => SegmentStore) {
    this.#storeOf = storeOf
  }

  has(name: string): boolean {
    return this.#topics.has(name)
  }

  add(spec: TopicSpec): readonly PartitionLog[] {
    const logs = Array.from({ length: spec.partitions }, (_, partition) => {
      return new PartitionLog(spec.name, partition, this.#storeOf({ topic: spec.name, partition }))
    })
    this.#topics.set(spec.name, { spec, logs })
    return logs
  }

  find(at: TopicPartition): PartitionLog | undefined {
    return this.#topics.get(at.topic)?.logs[at.partition]
  }

  /** The log, or why there is none. */
  expect(at: TopicPartition): PartitionLog | BrokerError {
    return this.find(at) ?? unknownPartition(at)
  }

  count(name: string): number | undefined {
    return this.#topics.get(name)?.logs.length
  }

  specs(): readonly TopicSpec[] {
    return [...this.#topics.values()].map(topic => topic.spec)
  }

  logs(): readonly PartitionLog[] {
    return [...this.#topics.values()].flatMap(topic => topic.logs)
  }
}

/** Throws a BrokerError for a name that Kafka refuses, or a number of partitions out of bounds. */
export function checkTopic({ name, partitions }: TopicSpec): void {
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(name) || name === '.' || name === '..')
    throw new BrokerError(
      'INVALID_TOPIC_EXCEPTION',
      `"${name.slice(0, 300)}" is no topic name. Use 1 to 249 letters, digits, ".", "_" and "-".`,
    )
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > partitionsMax)
    throw new BrokerError('INVALID_PARTITIONS', `Topic ${name} cannot have ${partitions} partitions. Use 1 to ${partitionsMax}.`)
}
