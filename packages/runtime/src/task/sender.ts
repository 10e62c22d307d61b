import type { StreamRecord } from '@riacho/streams'
import { type Emit, type PartitionWriter, type Producer, partitionOf, RiachoError, reasonOf, type SinkSpec } from '@riacho/streams/engine'

/** What a sender needs of its application. */
export interface SenderContext {
  readonly producer: Producer
  /** Partition counts of all topics that are known. */
  readonly counts: ReadonlyMap<string, number>
  /** A topic that a function chose and nobody knew of: counted as one partition once it is known to exist. */
  unknown(topic: string): number
  sent(): void
  /** Repartition topics drop null keys silently. */
  readonly dropNullKeys: boolean
}

/** Makes the writer of one sink: encodes, chooses the partition, appends. Nothing is looked up per record that can be looked up once. */
export function openSender(spec: SinkSpec, context: SenderContext): Emit<StreamRecord<unknown, unknown>> {
  const lanes = new Map<string, Lane>()
  const laneOf = (topic: string): Lane => {
    const found = lanes.get(topic) ?? new Lane(topic, context.counts.get(topic) ?? context.unknown(topic), context.producer)
    lanes.set(topic, found)
    return found
  }
  const fixed = typeof spec.topic === 'string' ? laneOf(spec.topic) : undefined
  const choose = typeof spec.topic === 'string' ? undefined : spec.topic
  const { key: keySerde, value: valueSerde } = spec
  // The key's bytes must last until the value's are written: one serde for both has one scratch buffer.
  const transient = keySerde === valueSerde ? undefined : valueSerde.transient?.bind(valueSerde)
  const refuse = (what: string, thrown: unknown): never => {
    const topic = typeof spec.topic === 'string' ? spec.topic : 'a chosen topic'
    throw new RiachoError('RIACHO_ENCODE', `a ${what} for ${topic} cannot be encoded: ${reasonOf(thrown)}`, {
      cause: thrown,
      place: { topic },
    })
  }
  return record => {
    const { key, value } = record
    if (key === null && context.dropNullKeys) return
    let rawKey: string | Uint8Array | null = null
    let rawValue: string | Uint8Array | null = null
    try {
      if (key !== null) rawKey = keySerde.text === undefined ? (keySerde.transient?.(key) ?? keySerde.encode(key)) : keySerde.text(key)
    } catch (thrown) {
      refuse('key', thrown)
    }
    try {
      if (value !== null && value !== undefined)
        rawValue = valueSerde.text === undefined ? (transient?.(value) ?? valueSerde.encode(value)) : valueSerde.text(value)
    } catch (thrown) {
      refuse('value', thrown)
    }
    const lane = fixed ?? laneOf(choose!(record))
    lane.writer(spec, record, rawKey).append(record.timestamp, rawKey, rawValue, record.headers.length === 0 ? undefined : record.headers)
    context.sent()
  }
}

/** The partitions of one topic. */
class Lane {
  readonly #topic: string
  readonly #producer: Producer
  readonly #partitions: number
  readonly #writers: PartitionWriter[] = []
  #turn = 0

  constructor(topic: string, partitions: number, producer: Producer) {
    this.#topic = topic
    this.#partitions = partitions
    this.#producer = producer
  }

  writer(spec: SinkSpec, record: StreamRecord<unknown, unknown>, rawKey: string | Uint8Array | null): PartitionWriter {
    const partition = this.#partitions === 1 ? 0 : this.#choose(spec, record, rawKey)
    const found = this.#writers[partition]
    if (found !== undefined) return found
    if (!(Number.isSafeInteger(partition) && partition >= 0 && partition < this.#partitions)) {
      throw new RiachoError(
        'RIACHO_OPTION',
        `'${this.#topic}' has partitions 0 to ${this.#partitions - 1}, and its partition function chose ${partition}`,
      )
    }
    const made = this.#producer.partition({ topic: this.#topic, partition })
    this.#writers[partition] = made
    return made
  }

  #choose(spec: SinkSpec, record: StreamRecord<unknown, unknown>, rawKey: string | Uint8Array | null): number {
    if (spec.partition !== undefined) return spec.partition(record, this.#partitions)
    if (rawKey === null) {
      this.#turn = (this.#turn + 1) % this.#partitions
      return this.#turn
    }
    const hashed = spec.partitionKey === undefined ? rawKey : spec.partitionKey(record.key)
    return partitionOf(typeof hashed === 'string' ? Buffer.from(hashed) : hashed, this.#partitions)
  }
}
