import { type Broker, type Producer, partitionOf } from '@riacho/streams/engine'
import { bytesAt, partitionsOf, readRecords } from '../read.ts'

/** Letters that one mark is about: a bit for each. */
const lettersOfMark = 1024

/** The compacted topic that says which letters of a topic were replayed. */
export const marksTopic = (topic: string): string => `${topic}-replayed`

const keyOf = (partition: number, offset: number): string => `${partition}:${Math.floor(offset / lettersOfMark)}`

/**
 * Which letters of a topic were replayed. It is written in the transaction of the records that were replayed, so a letter is marked exactly when its record is there,
 * whatever happens and whatever was asked for in between.
 */
export class Marks {
  readonly #topic: string
  readonly #partitions: number
  readonly #bits: Map<string, Buffer>
  readonly #changed = new Set<string>()

  private constructor(topic: string, partitions: number, bits: Map<string, Buffer>) {
    this.#topic = topic
    this.#partitions = partitions
    this.#bits = bits
  }

  /** Reads what was replayed until now; nothing, if that was never done. */
  static async read(broker: Broker, letters: string): Promise<Marks> {
    const topic = marksTopic(letters)
    const bits = new Map<string, Buffer>()
    const partitions = (await broker.admin.partitions([topic])).get(topic)
    if (partitions === undefined) return new Marks(topic, 1, bits)
    await readRecords(broker, { topic, untilEnd: true }, (_, cursor) => {
      const { key, value } = bytesAt(cursor)
      if (value === null) bits.delete(String(key))
      else bits.set(String(key), value)
      return true
    })
    return new Marks(topic, partitions, bits)
  }

  /** Makes the topic, if it is not there. */
  static async create(broker: Broker, letters: string): Promise<void> {
    await partitionsOf(broker, letters)
    await broker.admin.createTopics([{ name: marksTopic(letters), partitions: 1, config: { 'cleanup.policy': 'compact' } }])
  }

  has({ partition, offset }: { readonly partition: number; readonly offset: number }): boolean {
    const bit = offset % lettersOfMark
    return ((this.#bits.get(keyOf(partition, offset))?.[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0
  }

  add({ partition, offset }: { readonly partition: number; readonly offset: number }): void {
    const key = keyOf(partition, offset)
    const bits = this.#bits.get(key) ?? Buffer.alloc(lettersOfMark / 8)
    const bit = offset % lettersOfMark
    bits[bit >> 3]! |= 1 << (bit & 7)
    this.#bits.set(key, bits)
    this.#changed.add(key)
  }

  /** Forgets those of letters that are gone: all before an offset. */
  forget(partition: number, before: number): void {
    for (const key of this.#bits.keys()) {
      const [of, block] = key.split(':').map(Number) as [number, number]
      if (of !== partition || (block + 1) * lettersOfMark > before) continue
      this.#bits.delete(key)
      this.#changed.add(key)
    }
  }

  /** Writes what has changed since the last time; the caller's producer makes it durable. */
  write(producer: Producer): void {
    for (const key of this.#changed) {
      const at = { topic: this.#topic, partition: partitionOf(Buffer.from(key), this.#partitions) }
      producer.partition(at).append(Date.now(), key, this.#bits.get(key) ?? null)
    }
    this.#changed.clear()
  }
}
