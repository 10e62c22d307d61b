import type { TopicPartition } from '@riacho/streams/engine'
import { byTopic } from '../metadata/partitions.ts'

/** What a member tells the group about itself. */
export interface Subscription {
  readonly topics: readonly string[]
  readonly data?: Uint8Array | undefined
  readonly owned: readonly TopicPartition[]
  /** In which it owned them; -1 when that is not known. */
  readonly generation: number
}

/** What the leader of a group gives a member. */
export interface Assignment {
  readonly partitions: readonly TopicPartition[]
  readonly data?: Uint8Array | undefined
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
const bytes = (data: Uint8Array | undefined): Buffer => (data === undefined ? int32(-1) : Buffer.concat([int32(data.length), data]))

/** Kafka's ConsumerProtocolSubscription, version 2. */
export const encodeSubscription = (of: Subscription): Buffer =>
  Buffer.concat([int16(2), list(of.topics, text), bytes(of.data), partitions(of.owned), int32(of.generation)])

/** Kafka's ConsumerProtocolAssignment, version 0. */
export const encodeAssignment = (of: Assignment): Buffer => Buffer.concat([int16(0), partitions(of.partitions), bytes(of.data)])

/** Reads a {@link Subscription}; one of version 0 owns nothing, and one of version 1 says no generation. */
export function decodeSubscription(from: Buffer): Subscription {
  const read = new Walk(from)
  const version = read.int16()
  const topics = read.list(() => read.text())
  const data = read.bytes()
  const owned = version >= 1 ? read.partitions() : []
  return { topics, data, owned, generation: version >= 2 ? read.int32() : -1 }
}

/** Reads an assignment; an empty one has no bytes at all. */
export function decodeAssignment(from: Buffer): Assignment {
  if (from.length === 0) return { partitions: [] }
  const read = new Walk(from)
  read.int16()
  return { partitions: read.partitions(), data: read.bytes() }
}

class Walk {
  #at = 0
  readonly #bytes: Buffer
  constructor(from: Buffer) {
    this.#bytes = from
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
  /** A copy: the answer that it stands in may be used again. */
  bytes(): Uint8Array | undefined {
    const length = this.int32()
    if (length < 0) return undefined
    this.#at += length
    return Uint8Array.from(this.#bytes.subarray(this.#at - length, this.#at))
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
