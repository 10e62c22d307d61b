import type { TopicPartition } from '@riacho/streams/engine'
import { KafkaError } from '../errors.ts'

/** A partition as the key of a Map. */
export const keyOf = (at: TopicPartition): string => `${at.topic}/${at.partition}`

/** Groups what belongs to partitions by topic, as requests want it. */
export const byTopic = <Item extends TopicPartition>(items: Iterable<Item>): Map<string, Item[]> => Map.groupBy(items, item => item.topic)

/** Offsets and ids are numbers here; one above 2^53-1 is an error. */
export function exact(value: bigint): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new KafkaError('OFFSET_TOO_LARGE', `${value} is above 2^53-1`)
  return number
}

/** Offsets to commit, as requests want them. */
export const offsetTopics = (offsets: readonly (TopicPartition & { readonly offset: number; readonly metadata?: string })[]) =>
  [...byTopic(offsets)].map(([name, list]) => ({
    name,
    partitions: list.map(at => ({
      partitionIndex: at.partition,
      committedOffset: BigInt(at.offset),
      committedLeaderEpoch: -1,
      committedMetadata: at.metadata ?? '',
    })),
  }))
