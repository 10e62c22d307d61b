import { createTopicsV7, deleteRecordsV2, describeConfigsV4, listOffsetsV7, offsetFetchV8 } from '@platformatic/kafka'
import type { Admin, BrokerError, CommittedOffset, FetchOptions, PartitionOffsets, TopicPartition, TopicSpec } from '@riacho/streams/engine'
import { answerIn, failureOf, KafkaError } from './errors.ts'
import type { Cluster } from './metadata/cluster.ts'
import { byTopic, exact, keyOf } from './metadata/partitions.ts'
import { anyBroker, type Links } from './transport/links.ts'

/** Milliseconds that the cluster may take to make or delete something. */
const workLimitMs = 30_000
/** The replication factor that the cluster is configured with. */
const clusterDefault = -1
const earliest = -2n
const latest = -1n

/** Kafka's number of a topic among what can be configured. */
const topicResource = 2 as const

/** What else a Kafka cluster answers. */
export interface KafkaClusterAdmin extends Admin {
  /** The whole configuration of topics, the cluster's defaults among it; unknown topics are absent. */
  configs(topics: readonly string[]): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>>
  /** The first offset whose record is of this time or later; partitions without such a record are absent. With read_committed, up to the last stable offset only. */
  offsetsAt(time: number, of: readonly TopicPartition[], isolation?: FetchOptions['isolation']): Promise<readonly CommittedOffset[]>
  /** How many offsets a group has before it until the last stable one; where it has committed nothing, from the first retained one. */
  lag(group: string, of: readonly TopicPartition[]): Promise<readonly (TopicPartition & { readonly lag: number })[]>
}

/** The Admin of a Kafka cluster. */
export class KafkaAdmin implements KafkaClusterAdmin {
  readonly #cluster: Cluster
  readonly #links: Links

  constructor(cluster: Cluster, links: Links) {
    this.#cluster = cluster
    this.#links = links
  }

  async createTopics(topics: readonly TopicSpec[]): Promise<void> {
    for (const topic of topics) await this.#create(topic)
    // The controller knows them already; produce and fetch need the brokers that serve them to know them, too.
    await this.#links.retrying(() => this.#ready(topics.map(topic => topic.name)))
  }

  async #create({ name, partitions, replicas = clusterDefault, config = {} }: TopicSpec): Promise<void> {
    const configs = Object.entries(config).map(([key, value]) => ({ name: key, value }))
    const request = { name, numPartitions: partitions, replicationFactor: replicas, assignments: [], configs }
    await this.#links
      .retrying(() => this.#links.once(anyBroker, createTopicsV7.api, [request], workLimitMs, false))
      .catch((failure: BrokerError) => {
        if (failure.code !== 'TOPIC_ALREADY_EXISTS') throw failure
      })
  }

  async #ready(names: readonly string[]): Promise<void> {
    const known = await this.#cluster.lookUp(names)
    const late = names.find(name => known.get(name)?.leaders.every(leader => leader >= 0) !== true)
    if (late !== undefined) throw new KafkaError('LEADER_NOT_AVAILABLE', `topic '${late}' has no leader yet`)
  }

  async partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const known = await this.#cluster.lookUp(topics)
    return new Map([...known].map(([name, topic]) => [name, topic.leaders.length]))
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
    const answers = await this.#cluster.atLeaders(this.#links, of, (broker, own) => {
      const topics = [...byTopic(own)].map(([name, list]) => ({
        name,
        partitions: list.map(at => ({ partitionIndex: at.partition, currentLeaderEpoch: -1, timestamp })),
      }))
      return this.#links.once(broker, listOffsetsV7.api, -1, isolation, topics)
    })
    const topics = answers.flatMap(answer => answer.topics)
    return new Map(
      topics.flatMap(({ name, partitions }) =>
        partitions.map(each => [keyOf({ topic: name, partition: each.partitionIndex }), exact(each.offset)]),
      ),
    )
  }

  async offsetsAt(
    time: number,
    of: readonly TopicPartition[],
    isolation: FetchOptions['isolation'] = 'read_committed',
  ): Promise<readonly CommittedOffset[]> {
    if (!Number.isSafeInteger(time) || time < 0)
      throw new KafkaError('CONFIGURATION', `${time} is no time: give milliseconds since 1970 in whole numbers`)
    const found = await this.#listed(of, BigInt(time), isolation === 'read_committed' ? 1 : 0)
    return of
      .map(({ topic, partition }) => ({ topic, partition, offset: found.get(keyOf({ topic, partition })) ?? -1 }))
      .filter(({ offset }) => offset >= 0)
  }

  async lag(group: string, of: readonly TopicPartition[]): Promise<readonly (TopicPartition & { readonly lag: number })[]> {
    const [committed, ends] = await Promise.all([this.committed(group, of), this.offsets(of)])
    const from = new Map(committed.map(at => [keyOf(at), at.offset]))
    return ends.map(({ topic, partition, start, lastStable }) => {
      const position = Math.max(from.get(keyOf({ topic, partition })) ?? start, start)
      return { topic, partition, lag: Math.max(lastStable - position, 0) }
    })
  }

  async configs(topics: readonly string[]): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> {
    if (topics.length === 0) return new Map()
    const resources = [...new Set(topics)].map(name => ({ resourceType: topicResource, resourceName: name, configurationKeys: null }))
    const { results } = await this.#links.retrying(() => this.#described(resources))
    return new Map(
      results
        .filter(({ errorCode }) => errorCode === 0)
        .map(({ resourceName, configs }) => [resourceName, Object.fromEntries(configs.map(({ name, value }) => [name, value ?? '']))]),
    )
  }

  async #described(resources: describeConfigsV4.DescribeConfigsRequestResource[]): Promise<describeConfigsV4.DescribeConfigsResponse> {
    try {
      return await this.#links.once(anyBroker, describeConfigsV4.api, resources, false, false)
    } catch (thrown) {
      const failure = failureOf(thrown)
      const answer = answerIn(failure) as describeConfigsV4.DescribeConfigsResponse | undefined
      if (answer !== undefined && failure.code === 'UNKNOWN_TOPIC_OR_PARTITION') return answer
      throw failure
    }
  }

  async committed(group: string, of: readonly TopicPartition[]): Promise<readonly CommittedOffset[]> {
    if (of.length === 0) return []
    const topics = [...byTopic(of)].map(([name, list]) => ({ name, partitionIndexes: list.map(at => at.partition) }))
    const request = [{ groupId: group, memberId: null, memberEpoch: -1, topics }]
    const answer = await this.#links.retrying(() =>
      this.#cluster.atCoordinator('group', group, broker => this.#links.once(broker, offsetFetchV8.api, request, true)),
    )
    return answer.groups.flatMap(each =>
      each.topics.flatMap(({ name, partitions }) =>
        partitions
          .filter(partition => partition.committedOffset >= 0n)
          .map(({ partitionIndex, committedOffset, metadata }) => ({
            topic: name,
            partition: partitionIndex,
            offset: exact(committedOffset),
            metadata: metadata ?? '',
          })),
      ),
    )
  }

  async deleteRecords(before: readonly CommittedOffset[]): Promise<void> {
    await this.#cluster.atLeaders(this.#links, before, (broker, own) => {
      const topics = [...byTopic(own)].map(([name, list]) => ({
        name,
        partitions: list.map(at => ({ partitionIndex: at.partition, offset: BigInt(at.offset) })),
      }))
      return this.#links.once(broker, deleteRecordsV2.api, topics, workLimitMs)
    })
  }
}
