import { findCoordinatorV4, metadataV12 } from '@platformatic/kafka'
import type { BrokerError, TopicPartition } from '@riacho/streams/engine'
import { answerIn, failureAt, failureOf, KafkaError } from '../errors.ts'
import type { Address } from '../transport/connection.ts'
import { anyBroker, type BrokerAddresses, type LinkOptions, Links } from '../transport/links.ts'
import { type Features, featuresRequest } from './features.ts'
import { checkLibrary } from './library.ts'

/** What is known of a topic. */
export interface Topic {
  readonly name: string
  /** The id by which fetches name it. */
  readonly id: string
  /** The broker that leads each partition; -1 while there is none. */
  readonly leaders: readonly number[]
}

/** Where a partition is. */
export interface Place {
  readonly leader: number
  readonly topicId: string
}

/** What a coordinator coordinates, by Kafka's number. */
const coordinated = { group: 0, transaction: 1 } as const

/** After these somebody else may lead, or coordinate. */
const moved = new Set([
  'NOT_LEADER_OR_FOLLOWER',
  'LEADER_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'REPLICA_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'NOT_COORDINATOR',
  'COORDINATOR_NOT_AVAILABLE',
  'BROKER_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'REQUEST_TIMED_OUT',
])

/** Brokers, leaders and coordinators, as the cluster told them; what turns out to be wrong is asked for again. */
export class Cluster implements BrokerAddresses {
  readonly #links: Links
  readonly #bootstrap: readonly Address[]
  readonly #brokers = new Map<number, Address>()
  readonly #topics = new Map<string, Topic>()
  readonly #coordinators = new Map<string, number>()
  #features: Features | undefined

  constructor(bootstrap: readonly Address[], options: LinkOptions) {
    checkLibrary()
    this.#bootstrap = bootstrap
    this.#links = new Links(this, options)
  }

  addressOf(id: number): Address | undefined {
    return this.#brokers.get(id)
  }

  addresses(): readonly Address[] {
    return [...this.#brokers.values(), ...this.#bootstrap]
  }

  close(): void {
    this.#links.close()
  }

  /** What the cluster says of these topics now; unknown ones are absent. */
  async lookUp(names: readonly string[]): Promise<ReadonlyMap<string, Topic>> {
    // An empty list would ask for every topic of the cluster.
    if (names.length === 0) return new Map()
    const answer = await this.#links.retrying(() => this.#metadata(names))
    for (const { nodeId, host, port } of answer.brokers) this.#brokers.set(nodeId, { host, port })
    for (const name of names) this.#topics.delete(name)
    const found = new Map(answer.topics.filter(topic => topic.errorCode === 0).map(topic => [topic.name!, topicOf(topic)]))
    for (const [name, topic] of found) this.#topics.set(name, topic)
    return found
  }

  async #metadata(names: readonly string[]): Promise<metadataV12.MetadataResponse> {
    try {
      return await this.#links.once(anyBroker, metadataV12.api, [...names], false, false)
    } catch (thrown) {
      const failure = failureOf(thrown)
      const answer = answerIn(failure) as metadataV12.MetadataResponse | undefined
      // A topic that is not there, or a partition without a leader, is an answer, too; that it may not be seen is none.
      if (answer === undefined) throw failure
      if (failure.retriable) return answer
      const hidden = answer.topics.filter(({ errorCode }) => errorCode !== 0 && failureAt(errorCode).code === failure.code)
      throw new KafkaError(failure.code, `the cluster does not tell of ${hidden.map(({ name }) => name).join(', ')}`, { cause: thrown })
    }
  }

  /** These topics, asked for once; throws UNKNOWN_TOPIC_OR_PARTITION when one is missing. */
  async topics(names: Iterable<string>): Promise<ReadonlyMap<string, Topic>> {
    const all = [...new Set(names)]
    const asked = await this.lookUp(all.filter(name => !this.#topics.has(name)))
    const found = new Map<string, Topic>()
    for (const name of all) {
      const topic = asked.get(name) ?? this.#topics.get(name)
      if (topic === undefined) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `the cluster has no topic '${name}': create it`)
      found.set(name, topic)
    }
    return found
  }

  /** Where a partition is, as far as it is known. */
  placeOf({ topic, partition }: TopicPartition): Place | undefined {
    const known = this.#topics.get(topic)
    const leader = known?.leaders[partition] ?? -1
    return leader < 0 ? undefined : { leader, topicId: known!.id }
  }

  /** Why a partition has no place, by what the cluster said last. */
  absence({ topic, partition }: TopicPartition): KafkaError {
    const gone = this.#topics.get(topic)?.leaders[partition] === undefined
    const code = gone ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'LEADER_NOT_AVAILABLE'
    return new KafkaError(code, `${topic} has no ${gone ? '' : 'leader for its '}partition ${partition}`, { at: { topic, partition } })
  }

  forget(topics: Iterable<string>): void {
    for (const topic of topics) this.#topics.delete(topic)
  }

  /** Groups partitions by the broker that leads them. Throws LEADER_NOT_AVAILABLE or UNKNOWN_TOPIC_OR_PARTITION. */
  async byLeader<Item extends TopicPartition>(items: readonly Item[]): Promise<Map<number, Item[]>> {
    const topics = await this.topics(items.map(item => item.topic))
    return Map.groupBy(items, item => {
      const leader = topics.get(item.topic)!.leaders[item.partition]
      if (leader !== undefined && leader >= 0) return leader
      const absence = this.absence(item)
      this.#topics.delete(item.topic)
      throw absence
    })
  }

  /** Calls the leaders of these partitions, each with its own, again when leaders move. */
  async atLeaders<Item extends TopicPartition, Answer>(
    links: Links,
    items: readonly Item[],
    call: (broker: number, items: readonly Item[]) => Promise<Answer>,
  ): Promise<Answer[]> {
    return links.retrying(async () => {
      try {
        const groups = await this.byLeader(items)
        return await Promise.all([...groups].map(([broker, group]) => call(broker, group)))
      } catch (thrown) {
        throw this.noted(
          failureOf(thrown),
          items.map(item => item.topic),
        )
      }
    })
  }

  /** Calls the coordinator of a group or transactional id, once; the next call asks for it again if it seems to have moved. */
  async atCoordinator<Answer>(kind: keyof typeof coordinated, id: string, call: (broker: number) => Promise<Answer>): Promise<Answer> {
    const key = `${kind}/${id}`
    try {
      const broker = this.#coordinators.get(key) ?? (await this.#coordinator(kind, id))
      this.#coordinators.set(key, broker)
      return await call(broker)
    } catch (thrown) {
      const failure = failureOf(thrown)
      if (moved.has(failure.code)) this.#coordinators.delete(key)
      throw failure
    }
  }

  /** Forgets what a failure tells to be wrong, and gives it back. */
  noted(failure: BrokerError, topics: Iterable<string>): BrokerError {
    if (moved.has(failure.code)) this.forget(topics)
    return failure
  }

  /** Asks any broker what it can do, once. */
  async reach(): Promise<void> {
    this.#features = await this.#links.send(anyBroker, featuresRequest())
  }

  /** Whether transactions have version 2 (KIP-890). Asked once: a cluster that is upgraded meanwhile goes on to understand version 1. */
  async hasSecondTransactions(): Promise<boolean> {
    this.#features ??= await this.#links.retrying(() => this.#links.send(anyBroker, featuresRequest()))
    return (this.#features.finalized.get('transaction.version') ?? 0) >= 2
  }

  /** The first question of a cluster's life makes it create the topic in which coordinators keep what they know, which takes a moment. */
  async #coordinator(kind: keyof typeof coordinated, id: string): Promise<number> {
    const answer = await this.#links.once(anyBroker, findCoordinatorV4.api, coordinated[kind], [id])
    const [found] = answer.coordinators
    if (found === undefined || found.errorCode !== 0) throw failureAt(found?.errorCode ?? 15)
    this.#brokers.set(found.nodeId, { host: found.host, port: found.port })
    return found.nodeId
  }
}

function topicOf({ name, topicId, partitions }: metadataV12.MetadataResponseTopic): Topic {
  const leaders = Array<number>(partitions.length).fill(-1)
  for (const { errorCode, partitionIndex, leaderId } of partitions) if (errorCode === 0) leaders[partitionIndex] = leaderId
  return { name: name!, id: topicId, leaders }
}
