import type { StreamRecord } from '@riacho/streams'
import {
  type Emit,
  type Headers,
  type PartitionWriter,
  type Producer,
  partitionOf,
  RiachoError,
  reasonOf,
  type SinkSpec,
  type Task,
} from '@riacho/streams/engine'

/** What a sender needs of its application. */
export interface SenderContext {
  readonly producer: Producer
  /** Partition counts of all topics that are known. */
  readonly counts: ReadonlyMap<string, number>
  /** Calls `send` once the partitions of a topic that a function chose are known. */
  wait(topic: string, send: () => void): void
  sent(): void
  /** Repartition topics drop null keys silently. */
  readonly dropNullKeys: boolean
  readonly recordBytesMax: number
  /** Takes what cannot be written. A sender of dead letters has none: what it writes is bytes. */
  readonly task?: Pick<Task, 'drop' | 'deadLetter' | 'now'>
}

type Bytes = string | Uint8Array | null

/** Codes of failures after which the record has no bytes of its own that could be written elsewhere. */
export const unwritable: ReadonlySet<string> = new Set(['RIACHO_ENCODE', 'RIACHO_TOO_LARGE'])

/** Makes the writer of one sink: encodes, chooses the partition, appends. Nothing is looked up per record that can be looked up once. */
export function openSender(spec: SinkSpec, context: SenderContext): Emit<StreamRecord<unknown, unknown>> {
  const lanes = new Map<string, Lane>()
  const laneOf = (topic: string): Lane => {
    const found = lanes.get(topic)
    if (found !== undefined) return found
    const made = new Lane(topic, context.counts.get(topic) ?? 1, context.producer)
    lanes.set(topic, made)
    return made
  }
  const refuse = refusing(spec, context)
  const send = sending(spec, context, refuse)
  const { topic: to } = spec
  if (typeof to === 'string') {
    const lane = laneOf(to)
    return record => {
      if (record.key !== null || !context.dropNullKeys) send(record, lane)
    }
  }
  /** Topics for which records wait: another task may know them sooner, and nothing overtakes. */
  const awaited = new Set<string>()
  return record => {
    let topic: string
    try {
      topic = named(to(record))
    } catch (thrown) {
      refuse('RIACHO_PROCESSING', `the function that chooses a topic failed: ${reasonOf(thrown)}`, thrown)
      return
    }
    if (context.counts.has(topic) && !awaited.has(topic)) {
      send(record, laneOf(topic))
      return
    }
    awaited.add(topic)
    context.wait(topic, () => {
      awaited.delete(topic)
      send(record, laneOf(topic))
    })
  }
}

function named(topic: unknown): string {
  if (typeof topic === 'string' && topic !== '') return topic
  throw new TypeError(`it answered ${String(topic)}: return a topic's name`)
}

type Send = (record: StreamRecord<unknown, unknown>, lane: Lane) => void

/** Writes a record to a topic, in one go where nothing is chosen and nothing is wrong. */
function sending(spec: SinkSpec, context: SenderContext, refuse: Refuse): Send {
  const { key: keySerde, value: valueSerde } = spec
  const { recordBytesMax } = context
  // The key's bytes must last until the value's are written: one serde for both has one scratch buffer.
  const transient = keySerde === valueSerde ? undefined : valueSerde.transient?.bind(valueSerde)
  const partitionsOf = spec.partition && choosing(spec.partition, context, refuse)
  return (record, lane) => {
    const { key, value, timestamp, headers } = record
    let rawKey: Bytes = null
    let rawValue: Bytes = null
    let what = 'key'
    try {
      if (key !== null) rawKey = keySerde.text === undefined ? (keySerde.transient?.(key) ?? keySerde.encode(key)) : keySerde.text(key)
      what = 'value'
      if (value !== null && value !== undefined)
        rawValue = valueSerde.text === undefined ? (transient?.(value) ?? valueSerde.encode(value)) : valueSerde.text(value)
    } catch (thrown) {
      refuse('RIACHO_ENCODE', `a ${what} for ${lane.topic} cannot be encoded: ${reasonOf(thrown)}`, thrown)
      return
    }
    const units = (rawKey === null ? 0 : rawKey.length) + (rawValue === null ? 0 : rawValue.length)
    // No UTF-16 unit has more than three bytes: characters are counted only where they matter.
    if (headers.length > 0 || units * 3 > recordBytesMax) {
      const size = sizeOf(headers, rawKey, rawValue)
      if (size > recordBytesMax) {
        const limit = `limits.recordBytesMax is ${recordBytesMax}: raise it with the topic's max.message.bytes`
        refuse('RIACHO_TOO_LARGE', `a record for ${lane.topic} has ${size} bytes, and ${limit}`)
        return
      }
    }
    const chosen = partitionsOf?.(record, lane)
    if (typeof chosen === 'object') {
      for (const partition of chosen) {
        lane.writer(partition).append(timestamp, rawKey, rawValue, headers)
        context.sent()
      }
      return
    }
    const partition = chosen ?? lane.usual(spec, key, rawKey)
    lane.writer(partition).append(timestamp, rawKey, rawValue, headers.length === 0 ? undefined : headers)
    context.sent()
  }
}

/** What a sink's function chooses: one partition, several, each once, or none when it failed; undefined: the usual one. */
function choosing(choose: NonNullable<SinkSpec['partition']>, { task }: SenderContext, refuse: Refuse) {
  return (record: StreamRecord<unknown, unknown>, lane: Lane): number | ReadonlySet<number> | undefined => {
    try {
      const chosen = choose(record, lane.partitions)
      if (chosen === undefined) return undefined
      if (typeof chosen === 'number') return lane.checked(chosen)
      for (const partition of chosen) lane.checked(partition)
      if (chosen.length === 0) task?.drop('no-partition')
      return new Set(chosen)
    } catch (thrown) {
      refuse('RIACHO_PROCESSING', `the function that chooses a partition of ${lane.topic} failed: ${reasonOf(thrown)}`, thrown)
      return nowhere
    }
  }
}

const nowhere: ReadonlySet<number> = new Set()

type Refuse = (code: 'RIACHO_ENCODE' | 'RIACHO_TOO_LARGE' | 'RIACHO_PROCESSING', reason: string, cause?: unknown) => void

/** What a sink does with a record that cannot be written. Failures of the broker never come here: they are not of one record. */
function refusing({ topic: to, onError = 'fail' }: SinkSpec, { task }: SenderContext): Refuse {
  const node = typeof to === 'string' ? to : 'to'
  if (task === undefined || onError === 'fail') {
    return (code, reason, cause) => {
      throw new RiachoError(code, `${reason}; mend it, or give the sink an onError`, { place: { node }, cause })
    }
  }
  if (onError === 'skip') return () => task.drop('processing')
  const { deadLetter } = onError
  return (code, reason) => task.deadLetter(deadLetter, { code, reason, node, attempts: 1, firstFailure: task.now() })
}

/** Bytes of key, value and headers. */
function sizeOf(headers: Headers, key: Bytes, value: Bytes): number {
  let size = lengthOf(key) + lengthOf(value)
  for (const [name, bytes] of headers) size += name.length + (bytes?.length ?? 0)
  return size
}

const lengthOf = (bytes: Bytes): number => (typeof bytes === 'string' ? Buffer.byteLength(bytes) : (bytes?.length ?? 0))

/** The partitions of one topic. */
class Lane {
  readonly topic: string
  readonly partitions: number
  readonly #producer: Producer
  readonly #writers: PartitionWriter[] = []
  #turn = 0

  constructor(topic: string, partitions: number, producer: Producer) {
    this.topic = topic
    this.partitions = partitions
    this.#producer = producer
  }

  writer(partition: number): PartitionWriter {
    const found = this.#writers[partition]
    if (found !== undefined) return found
    const made = this.#producer.partition({ topic: this.topic, partition })
    this.#writers[partition] = made
    return made
  }

  /** Where records go that nobody chooses a partition for: by the key's bytes; without a key to partitions in turn. */
  usual(spec: SinkSpec, key: unknown, rawKey: Bytes): number {
    if (this.partitions === 1) return 0
    if (rawKey === null) {
      this.#turn = (this.#turn + 1) % this.partitions
      return this.#turn
    }
    const hashed = spec.partitionKey === undefined ? rawKey : spec.partitionKey(key)
    return partitionOf(typeof hashed === 'string' ? Buffer.from(hashed) : hashed, this.partitions)
  }

  checked(partition: number): number {
    if (Number.isSafeInteger(partition) && partition >= 0 && partition < this.partitions) return partition
    throw new RangeError(`it chose ${partition} of partitions 0 to ${this.partitions - 1}`)
  }
}
