import { createTopicsV7, deleteRecordsV2, listOffsetsV9, offsetFetchV9 } from '@platformatic/kafka'
import {
  type Admin,
  BrokerError,
  type CommittedOffset,
  type PartitionOffsets,
  type TopicPartition,
  type TopicSpec,
} from '@riacho/streams/engine'
import { coordinator } from './coordinator.ts'
import type { Link } from './link.ts'
import { byTopic, exact, lookUp } from './topics.ts'

const requestLimit = 30_000
const earliest = -2n
const latest = -1n

/** The Admin of one Kafka node. */
export class KafkaAdmin implements Admin {
  readonly #link: Link

  constructor(link: Link) {
    this.#link = link
  }

  async createTopics(topics: readonly TopicSpec[]): Promise<void> {
    for (const topic of topics) {
      const configs = Object.entries(topic.config ?? {}).map(([name, value]) => ({ name, value }))
      const request = { name: topic.name, numPartitions: topic.partitions, replicationFactor: -1, assignments: [], configs }
      await this.#link.call(createTopicsV7.api, [request], requestLimit, false).catch(unless('TOPIC_ALREADY_EXISTS'))
    }
    // The controller knows them already; produce and fetch need the node that serves them to know them too.
    await this.#link.retrying(() => this.#ready(topics.map(topic => topic.name)))
  }

  async #ready(names: readonly string[]): Promise<void> {
    const known = await lookUp(this.#link, names)
    const late = names.find(name => known.get(name)?.led !== true)
    if (late !== undefined) throw new BrokerError('LEADER_NOT_AVAILABLE', `topic '${late}' has no leader yet`, { retriable: true })
  }

  async partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    // An empty list would ask for every topic of the cluster.
    if (topics.length === 0) return new Map()
    const known = await lookUp(this.#link, topics)
    return new Map([...known].map(([name, topic]) => [name, topic.partitions]))
  }

  async offsets(of: readonly TopicPartition[]): Promise<readonly PartitionOffsets[]> {
    const [start, highWatermark, lastStable] = await Promise.all([
      this.#listed(of, earliest, 0),
      this.#listed(of, latest, 0),
      this.#listed(of, latest, 1),
    ])
    return of.map(at => ({
      topic: at.topic,
      partition: at.partition,
      start: start.get(keyOf(at))!,
      highWatermark: highWatermark.get(keyOf(at))!,
      lastStable: lastStable.get(keyOf(at))!,
    }))
  }

  async #listed(of: readonly TopicPartition[], timestamp: bigint, isolation: number): Promise<Map<string, number>> {
    const topics = [...byTopic(of)].map(([name, list]) => ({
      name,
      partitions: list.map(at => ({ partitionIndex: at.partition, currentLeaderEpoch: -1, timestamp })),
    }))
    const answer = await this.#link.call(listOffsetsV9.api, -1, isolation, topics)
    return new Map(
      answer.topics.flatMap(topic =>
        topic.partitions.map(each => [keyOf({ topic: topic.name, partition: each.partitionIndex }), exact(each.offset)]),
      ),
    )
  }

  async committed(group: string, of: readonly TopicPartition[]): Promise<readonly CommittedOffset[]> {
    await coordinator(this.#link, 'group', group)
    const topics = [...byTopic(of)].map(([name, list]) => ({ name, partitionIndexes: list.map(at => at.partition) }))
    const answer = await this.#link.call(offsetFetchV9.api, [{ groupId: group, memberId: null, memberEpoch: -1, topics }], true)
    return answer.groups.flatMap(each =>
      each.topics.flatMap(topic =>
        topic.partitions
          .filter(partition => partition.committedOffset >= 0n)
          .map(partition => ({
            topic: topic.name,
            partition: partition.partitionIndex,
            offset: exact(partition.committedOffset),
            metadata: partition.metadata ?? '',
          })),
      ),
    )
  }

  async deleteRecords(before: readonly CommittedOffset[]): Promise<void> {
    const topics = [...byTopic(before)].map(([name, list]) => ({
      name,
      partitions: list.map(at => ({ partitionIndex: at.partition, offset: BigInt(at.offset) })),
    }))
    await this.#link.call(deleteRecordsV2.api, topics, requestLimit)
  }
}

const keyOf = (at: TopicPartition): string => `${at.topic}/${at.partition}`

const unless = (code: string) => (failure: BrokerError) => {
  if (failure.code !== code) throw failure
}
