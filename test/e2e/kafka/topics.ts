import { metadataV12 } from '@platformatic/kafka'
import { BrokerError, type TopicPartition } from '@riacho/streams/engine'
import { answerIn, failureOf } from './failure.ts'
import type { Link } from './link.ts'

/** What a client must know of a topic. */
export interface Topic {
  readonly name: string
  /** The id by which fetches name it. */
  readonly id: string
  readonly partitions: number
  /** Every partition has a leader. */
  readonly led: boolean
}

/** What the broker says of these topics now; unknown ones are absent. */
export async function lookUp(link: Link, names: readonly string[]): Promise<ReadonlyMap<string, Topic>> {
  const answer = await link.retrying(() => metadata(link, names))
  const known = answer.topics.filter(topic => topic.errorCode === 0 && topic.name !== null)
  return new Map(
    known.map(topic => {
      const led = topic.partitions.every(partition => partition.errorCode === 0 && partition.leaderId >= 0)
      return [topic.name!, { name: topic.name!, id: topic.topicId, partitions: topic.partitions.length, led }]
    }),
  )
}

async function metadata(link: Link, names: readonly string[]): Promise<metadataV12.MetadataResponse> {
  try {
    return await link.once(metadataV12.api, [...names], false, false)
  } catch (thrown) {
    const failure = failureOf(thrown)
    const answer = answerIn(failure)
    if (answer !== undefined && failure.code === 'UNKNOWN_TOPIC_OR_PARTITION') return answer as metadataV12.MetadataResponse
    throw failure
  }
}

/** Topics by name, asked for once; {@link TopicCache.forget} makes it ask again. */
export class TopicCache {
  readonly #link: Link
  readonly #known = new Map<string, Topic>()

  constructor(link: Link) {
    this.#link = link
  }

  /** These topics; throws UNKNOWN_TOPIC_OR_PARTITION when one is missing. */
  async get(names: Iterable<string>): Promise<ReadonlyMap<string, Topic>> {
    const all = [...new Set(names)]
    const missing = all.filter(name => !this.#known.has(name))
    if (missing.length > 0) for (const [name, topic] of await lookUp(this.#link, missing)) this.#known.set(name, topic)
    const unknown = all.find(name => !this.#known.has(name))
    if (unknown !== undefined)
      throw new BrokerError('UNKNOWN_TOPIC_OR_PARTITION', `the broker has no topic '${unknown}': create it`, { retriable: true })
    return this.#known
  }

  forget(): void {
    this.#known.clear()
  }
}

/** Groups what belongs to partitions by topic, as requests want it. */
export function byTopic<Item extends TopicPartition>(items: Iterable<Item>): Map<string, Item[]> {
  const topics = new Map<string, Item[]>()
  for (const item of items) {
    const list = topics.get(item.topic)
    if (list === undefined) topics.set(item.topic, [item])
    else list.push(item)
  }
  return topics
}

/** Offsets and ids are numbers here; one above 2^53-1 is an error. */
export function exact(value: bigint): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new BrokerError('OFFSET_TOO_LARGE', `${value} is above 2^53-1`)
  return number
}
