import type { TopicPartition } from '@riacho/streams/engine'
import { byTopic } from '../metadata/partitions.ts'

/** What a member tells the group about itself. */
export interface Subscription {
  readonly topics: readonly string[]
  readonly owned: readonly TopicPartition[]
}

const int16 = (n: number): Buffer => {
  const b = Buffer.alloc(2)
  b.writeInt16BE(n)
  return b
}
const int32 = (n: number): Buffer => {
  const b = Buffer.alloc(4)
  b.writeInt32BE(n)
  return b
}
const text = (s: string): Buffer => Buffer.concat([int16(Buffer.byteLength(s)), Buffer.from(s)])
const list = <Item>(items: readonly Item[], one: (item: Item) => Buffer): Buffer => Buffer.concat([int32(items.length), ...items.map(one)])
const partitions = (of: readonly TopicPartition[]): Buffer =>
  list([...byTopic(of)], ([topic, each]) => Buffer.concat([text(topic), list(each, at => int32(at.partition))]))
const noUserData = int32(-1)

/** Kafka's ConsumerProtocolSubscription, version 1. */
export const encodeSubscription = (of: Subscription): Buffer =>
  Buffer.concat([int16(1), list(of.topics, text), noUserData, partitions(of.owned)])

/** Kafka's ConsumerProtocolAssignment, version 0. */
export const encodeAssignment = (of: readonly TopicPartition[]): Buffer => Buffer.concat([int16(0), partitions(of), noUserData])

/** Reads a {@link Subscription}; one of version 0 owns nothing. */
export function decodeSubscription(bytes: Buffer): Subscription {
  const read = new Walk(bytes)
  const version = read.int16()
  const topics = read.list(() => read.text())
  read.bytes()
  return { topics, owned: version >= 1 ? read.partitions() : [] }
}

/** Reads an assignment; an empty one has no bytes at all. */
export function decodeAssignment(bytes: Buffer): readonly TopicPartition[] {
  if (bytes.length === 0) return []
  const read = new Walk(bytes)
  read.int16()
  return read.partitions()
}

class Walk {
  #at = 0
  readonly #bytes: Buffer
  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }
  int16(): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }
  int32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }
  text(): string {
    const length = this.int16()
    this.#at += length
    return this.#bytes.toString('utf8', this.#at - length, this.#at)
  }
  bytes(): void {
    const length = this.int32()
    this.#at += Math.max(length, 0)
  }
  list<Item>(one: () => Item): Item[] {
    return Array.from({ length: this.int32() }, one)
  }
  partitions(): TopicPartition[] {
    return this.list(() => {
      const topic = this.text()
      return this.list(() => ({ topic, partition: this.int32() }))
    }).flat()
  }
}
