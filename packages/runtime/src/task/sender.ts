import type { StreamRecord } from '@riacho/streams'
import { type Emit, type PartitionWriter, type Producer, partitionOf, RiachoError, reasonOf, type SinkSpec } from '@riacho/streams/engine'

/** What a sender needs of its application. */
export interface SenderContext {
  readonly producer: Producer
  /** Partition counts of all topics that are known. */
  readonly counts: ReadonlyMap<string, number>
  /** Calls `send` once the partitions of a topic that a function chose are known. */
  wait(topic: string, send: () => void): void
  sent(): void
  /** Counts a record that goes to no partition. */
  drop(reason: 'no-partition'): void
  /** Repartition topics drop null keys silently. */
  readonly dropNullKeys: boolean
}

/** Makes the writer of one sink: encodes, chooses the partition, appends. Nothing is looked up per record that can be looked up once. */
export function openSender(spec: SinkSpec, context: SenderContext): Emit<StreamRecord<unknown, unknown>> {
  const lanes = new Map<string, Lane>()
  const laneOf = (topic: string): Lane => {
    const found = lanes.get(topic) ?? new Lane(topic, context.counts.get(topic) ?? 1, context.producer)
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
  const send = (record: StreamRecord<unknown, unknown>, lane: Lane): void => {
    const { key, value } = record
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
    const headers = record.headers.length === 0 ? undefined : record.headers
    const partition = lane.choose(spec, record, rawKey)
    if (typeof partition === 'number') {
      lane.writer(partition).append(record.timestamp, rawKey, rawValue, headers)
      context.sent()
      return
    }
    if (partition.length === 0) context.drop('no-partition')
    for (const each of new Set(partition)) {
      lane.writer(each).append(record.timestamp, rawKey, rawValue, headers)
      context.sent()
    }
  }
  if (fixed !== undefined) {
    return record => {
      if (record.key !== null || !context.dropNullKeys) send(record, fixed)
    }
  }
  return record => {
    const topic = chosen(choose!, record)
    if (context.counts.has(topic)) send(record, laneOf(topic))
    else context.wait(topic, () => send(record, laneOf(topic)))
  }
}

function chosen(choose: (record: StreamRecord<unknown, unknown>) => string, record: StreamRecord<unknown, unknown>): string {
  let topic: unknown
  try {
    topic = choose(record)
  } catch (thrown) {
    throw new RiachoError('RIACHO_PROCESSING', `the function that chooses a topic failed: ${reasonOf(thrown)}`, { cause: thrown })
  }
  if (typeof topic === 'string' && topic !== '') return topic
  throw new RiachoError('RIACHO_PROCESSING', `the function that chooses a topic answered ${String(topic)}: return a topic's name`)
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

  writer(partition: number): PartitionWriter {
    const found = this.#writers[partition]
    if (found !== undefined) return found
    if (!(Number.isSafeInteger(partition) && partition >= 0 && partition < this.#partitions)) {
      throw new RiachoError(
        'RIACHO_OPTION',
        `'${this.#topic}' has partitions 0 to ${this.#partitions - 1}, and its partition function chose ${partition}`,
        { place: { topic: this.#topic } },
      )
    }
    const made = this.#producer.partition({ topic: this.#topic, partition })
    this.#writers[partition] = made
    return made
  }

  /** One partition, or those that the sink's function lists. */
  choose(spec: SinkSpec, record: StreamRecord<unknown, unknown>, rawKey: string | Uint8Array | null): number | readonly number[] {
    const chosen = spec.partition === undefined ? undefined : this.#ask(spec.partition, record)
    if (chosen !== undefined) return chosen
    if (this.#partitions === 1) return 0
    if (rawKey === null) {
      this.#turn = (this.#turn + 1) % this.#partitions
      return this.#turn
    }
    const hashed = spec.partitionKey === undefined ? rawKey : spec.partitionKey(record.key)
    return partitionOf(typeof hashed === 'string' ? Buffer.from(hashed) : hashed, this.#partitions)
  }

  #ask(choose: NonNullable<SinkSpec['partition']>, record: StreamRecord<unknown, unknown>): ReturnType<typeof choose> {
    try {
      return choose(record, this.#partitions)
    } catch (thrown) {
      throw new RiachoError('RIACHO_PROCESSING', `the function that chooses a partition of '${this.#topic}' failed: ${reasonOf(thrown)}`, {
        cause: thrown,
        place: { topic: this.#topic },
      })
    }
  }
}
