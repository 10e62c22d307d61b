import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { Store } from '../contract/store.ts'
import type { Position, StoreSpec, StoreTask } from '../contract/task.ts'
import { checkName } from '../plan/node.ts'
import { bufferVersion, decodeBufferValue, encodeBufferValue } from '../wire/buffer-value.ts'
import { readLong, writeLong } from '../wire/long.ts'
import { Heap } from './heap.ts'
import type { StoreOptions } from './key-value.ts'

/** Records of a stream that wait until time has gone on (Kafka Streams: `RocksDBTimeOrderedKeyValueBuffer`, KIP-923). */
export interface GraceBuffer<K, V> extends Store {
  /** Greatest time of a record that was ever kept; -1 before the first. */
  readonly time: number
  readonly size: number
  /** Keeps a record and where it came from. `now`: wall clock, the time of its changelog record. */
  put(record: StreamRecord<K, V>, from: Position | null, now: number): void
  /** Hands out the records up to `limit`, in the order of time, then of serialized key with sequence: each leaves when `out` has returned. */
  evict(limit: number, now: number, out: (record: StreamRecord<K, V>, from: Position) => void): void
}

/** Declares a buffer of records with a changelog. Throws `RIACHO_NAME`. */
export function graceBuffer<K, V>(name: string, options: StoreOptions<K, V>): StoreSpec<GraceBuffer<K, V>> {
  checkName(name, 'store')
  return Object.freeze({ name, kind: 'key-value', create: (task: StoreTask) => new MemoryGraceBuffer(name, options, task) })
}

/** A record that waits. */
interface Waiting<K, V> {
  /** Its key in the changelog, which is also its order: a 0, time in 8 bytes, key, sequence in 4. */
  readonly wire: Buffer
  readonly record: StreamRecord<K, V>
  readonly from: Position
  /** The commit period in which it came. */
  readonly epoch: number
}

const nowhere: Position = Object.freeze({ topic: '', partition: -1, offset: -1 })
const sequenceMask = 0x7fffffff

const before = <K, V>(a: Waiting<K, V>, b: Waiting<K, V>): boolean =>
  a.record.timestamp < b.record.timestamp || (a.record.timestamp === b.record.timestamp && Buffer.compare(a.wire, b.wire) < 0)

class MemoryGraceBuffer<K, V> implements GraceBuffer<K, V> {
  readonly name: string
  readonly #key: Serde<K>
  readonly #value: Serde<V>
  readonly #task: StoreTask
  #waiting = new Heap<Waiting<K, V>>(before)
  /** What is restored, until somebody looks: tombstones take some of it back. */
  #restored: Map<string, Waiting<K, V>> | undefined
  /** What left since the last commit. */
  #left: Waiting<K, V>[] = []
  #epoch = 1
  #uncommitted = 0
  #time = -1
  #timeCommitted = -1
  #sequence = 0
  #sequenceCommitted = 0

  constructor(name: string, options: StoreOptions<K, V>, task: StoreTask) {
    this.name = name
    this.#key = options.key
    this.#value = options.value
    this.#task = task
  }

  get time(): number {
    return this.#time
  }

  get size(): number {
    return this.#ready().size
  }

  get uncommitted(): number {
    return this.#uncommitted
  }

  put(record: StreamRecord<K, V>, from: Position | null, now: number): void {
    const { key, value, timestamp, headers } = record
    const at = from ?? nowhere
    const sequence = (this.#sequence + 1) & sequenceMask
    const wire = wireKey(timestamp, this.#key.encode(key), sequence)
    const context = { timestamp, headers, topic: at.topic, partition: at.partition, offset: at.offset }
    this.#task.log(wire, encodeBufferValue({ context, prior: null, previous: null, value: this.#value.encode(value), time: 0 }), now)
    this.#sequence = sequence
    if (timestamp > this.#time) this.#time = timestamp
    this.#ready().push({ wire, record, from: at, epoch: this.#epoch })
    this.#uncommitted++
  }

  evict(limit: number, now: number, out: (record: StreamRecord<K, V>, from: Position) => void): void {
    const waiting = this.#ready()
    for (let first = waiting.peek(); first !== undefined && first.record.timestamp <= limit; first = waiting.peek()) {
      out(first.record, first.from)
      waiting.pop()
      this.#task.log(first.wire, null, now)
      if (first.epoch !== this.#epoch) this.#left.push(first)
      this.#uncommitted++
    }
  }

  /** Kafka Streams reads its own changelog's keys wrongly here, so that nothing that waited comes back; this reads them as they are written. */
  restore(key: Uint8Array, value: Uint8Array | null, _timestamp: number, headers: StreamRecord<K, V>['headers']): void {
    const wire = Buffer.from(key)
    const time = readLong(wire, 1)
    if (time > this.#time) this.#time = this.#timeCommitted = time
    this.#restored ??= new Map()
    if (value === null) {
      this.#restored.delete(wire.latin1Slice(0, wire.length))
      return
    }
    this.#sequence = this.#sequenceCommitted = wire.readInt32BE(wire.length - 4)
    const { context, value: bytes } = decodeBufferValue(value, bufferVersion, { timestamp: time, headers }, undefined)
    const record = {
      key: this.#key.decode(wire.subarray(9, -4)),
      value: this.#value.decode(bytes!),
      timestamp: context.timestamp,
      headers: context.headers,
    }
    const from = { topic: context.topic, partition: context.partition, offset: context.offset }
    this.#restored.set(wire.latin1Slice(0, wire.length), { wire, record, from, epoch: 0 })
  }

  committed(): void {
    this.#timeCommitted = this.#time
    this.#sequenceCommitted = this.#sequence
    this.#begin()
  }

  rollback(): void {
    const waiting = new Heap<Waiting<K, V>>(before)
    const now = this.#ready()
    for (let each = now.pop(); each !== undefined; each = now.pop()) if (each.epoch !== this.#epoch) waiting.push(each)
    for (const each of this.#left) waiting.push(each)
    this.#waiting = waiting
    this.#time = this.#timeCommitted
    this.#sequence = this.#sequenceCommitted
    this.#begin()
  }

  clear(): void {
    this.#waiting = new Heap(before)
    this.#restored = undefined
    this.#time = this.#timeCommitted = -1
    this.#sequence = this.#sequenceCommitted = 0
    this.#begin()
  }

  #begin(): void {
    this.#left = []
    this.#uncommitted = 0
    this.#epoch++
  }

  #ready(): Heap<Waiting<K, V>> {
    if (this.#restored !== undefined) {
      for (const each of this.#restored.values()) this.#waiting.push(each)
      this.#restored = undefined
    }
    return this.#waiting
  }
}

function wireKey(time: number, key: Uint8Array, sequence: number): Buffer {
  const wire = Buffer.allocUnsafe(key.length + 13)
  wire[0] = 0
  writeLong(wire, time, 1)
  wire.set(key, 9)
  wire.writeInt32BE(sequence, key.length + 9)
  return wire
}
