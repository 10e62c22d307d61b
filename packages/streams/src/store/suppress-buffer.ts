import { type Change, type Headers, noHeaders } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { Store } from '../contract/store.ts'
import type { Position, StoreSpec, StoreTask } from '../contract/task.ts'
import { checkName } from '../plan/node.ts'
import { bufferVersion, decodeBufferValue, encodeBufferValue } from '../wire/buffer-value.ts'
import { HashSetOrder } from './hash-set-order.ts'
import { Heap } from './heap.ts'
import { WaitingKeys } from './waiting-keys.ts'

/** The last change of a key that waits. */
export interface Waiting<K, V> {
  readonly change: Change<K, V>
  /** Where the record came from that made it; null when nobody knows. */
  readonly position: Position | null
  /** Bytes that it counts, when bytes are counted. */
  readonly bytes: number
}

/**
 * The last change of each key, ordered by the time of the first that waited, then by serialized key (Kafka Streams: `InMemoryTimeOrderedKeyValueChangeBuffer`). Its
 * changelog is written at the commit.
 */
export interface SuppressBuffer<K, V> extends Store {
  readonly pending: number
  flush(): void
  /** Keys that wait. */
  readonly size: number
  /** Bytes that wait, as Kafka Streams counts them; 0 when nobody asked for it. */
  readonly bytes: number
  /** Time of the first; infinite when nothing waits. */
  readonly time: number
  /** Says who tells the wall clock, by which changelog records are stamped. */
  stampedBy(now: () => number): void
  /** Lets a change wait: at `time`, or in the place of the one of its key that waits already. */
  put(time: number, change: Change<K, V>, position: Position | null): void
  /** The first, which stays. */
  first(): Waiting<K, V> | undefined
  /** Takes the first out. */
  shift(): void
  /** The row of a key before the first change that waited; undefined when none waits. */
  prior(key: K): V | null | undefined
}

/** What a buffer must know of its rows. */
export interface SuppressBufferOptions<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Bytes are counted, which costs an encoding of each change. */
  readonly counted: boolean
}

/** Declares a buffer in memory with a changelog. */
export function suppressBuffer<K, V>(name: string, options: SuppressBufferOptions<K, V>): StoreSpec<SuppressBuffer<K, V>> {
  checkName(name, 'store')
  return Object.freeze({ name, kind: 'key-value', create: (task: StoreTask) => new MemorySuppressBuffer(name, options, task) })
}

/** A key's place in the order: it stays while changes come, and ends when they are taken out. */
interface Place<K, V> {
  readonly key: K
  readonly time: number
  readonly prior: V | null
  /** What waits; undefined when it was taken out. */
  waiting: Waiting<K, V> | undefined
  /** The commit period in which it was last written. */
  epoch: number
  dirty: boolean
  /** The key's bytes as latin1, made when first needed. */
  text: string | undefined
}

/** Places by time, those of one time by key. */
interface Order<K, V> {
  readonly times: Heap<number>
  readonly places: Map<number, Heap<Place<K, V>>>
}

const versionHeader = 'v'
const logHeaders: Headers = Object.freeze([[versionHeader, Uint8Array.of(bufferVersion)] as const])
const earlier = (a: number, b: number): boolean => a < b

class MemorySuppressBuffer<K, V> implements SuppressBuffer<K, V> {
  readonly name: string
  bytes = 0
  #bytesCommitted = 0
  readonly #keys: WaitingKeys<Place<K, V>>
  readonly #key: Serde<K>
  readonly #value: Serde<V>
  readonly #counted: boolean
  readonly #task: StoreTask
  #now: () => number = () => 0
  /** Undefined: to be made anew, after a restore or a rollback. */
  #order: Order<K, V> | undefined
  readonly #byText = (a: Place<K, V>, b: Place<K, V>): boolean => this.#textOf(a) < this.#textOf(b)
  /** Places whose changelog record is due, each once. */
  #dirty: Place<K, V>[] = []
  readonly #logOrder = new HashSetOrder()
  /** Places written in this commit period, with what waited there before: one field an array. */
  #epoch = 1
  #written: Place<K, V>[] = []
  #before: (Waiting<K, V> | undefined)[] = []

  constructor(name: string, { key, value, counted }: SuppressBufferOptions<K, V>, task: StoreTask) {
    this.name = name
    this.#keys = new WaitingKeys(key as Serde<unknown>)
    this.#key = key
    this.#value = value
    this.#counted = counted
    this.#task = task
  }

  get size(): number {
    return this.#keys.size
  }

  get time(): number {
    return this.#ordered().times.peek() ?? Number.POSITIVE_INFINITY
  }

  get pending(): number {
    return this.#dirty.length
  }

  get uncommitted(): number {
    return this.#written.length
  }

  stampedBy(now: () => number): void {
    this.#now = now
  }

  put(time: number, change: Change<K, V>, position: Position | null): void {
    const place = this.#keys.get(change.key) ?? this.#added(change.key, time, change.previous ?? null)
    this.#write(place, { change, position, bytes: this.#counted ? this.#bytesOf(place, change, position) : 0 })
  }

  first(): Waiting<K, V> | undefined {
    const { times, places } = this.#ordered()
    const time = times.peek()
    return time === undefined ? undefined : places.get(time)!.peek()!.waiting
  }

  shift(): void {
    const { times, places } = this.#ordered()
    const time = times.peek()
    if (time === undefined) return
    const same = places.get(time)!
    const place = same.pop()!
    if (same.size === 0) {
      times.pop()
      places.delete(time)
    }
    this.#keys.delete(place)
    this.#write(place, undefined)
  }

  prior(key: K): V | null | undefined {
    return this.#keys.get(key)?.prior
  }

  flush(): void {
    const dirty = new Map<string, Place<K, V>>()
    for (const place of this.#dirty) {
      place.dirty = false
      // A key may have been taken out and have come again, at another place.
      const text = this.#textOf(place)
      if (place.waiting !== undefined || !dirty.has(text)) dirty.set(text, place)
    }
    this.#dirty = []
    const now = this.#now()
    const texts = [...dirty.keys()]
    const places = [...dirty.values()]
    for (const at of this.#logOrder.of(texts)) {
      const key = Buffer.from(texts[at]!, 'latin1')
      const place = places[at]!
      if (place.waiting === undefined) this.#task.log(key, null, now)
      else this.#task.log(key, this.#encoded(place, place.waiting), now, logHeaders)
    }
  }

  restore(key: Uint8Array, value: Uint8Array | null, timestamp: number, headers: Headers): void {
    this.#order = undefined
    const decoded = this.#key.decode(key)
    const found = this.#keys.get(decoded)
    this.bytes -= found?.waiting?.bytes ?? 0
    if (found !== undefined) this.#keys.delete(found)
    if (value !== null) this.#restored(decoded, value, found, { timestamp, headers })
    this.#bytesCommitted = this.bytes
  }

  committed(): void {
    this.#bytesCommitted = this.bytes
    this.#forget()
  }

  rollback(): void {
    for (let i = this.#written.length - 1; i >= 0; i--) {
      const place = this.#written[i]!
      const before = this.#before[i]
      const there = place.waiting !== undefined
      place.waiting = before
      if (before === undefined) this.#keys.delete(place)
      else if (!there) this.#keys.add(place)
    }
    for (const place of this.#dirty) place.dirty = false
    this.#dirty = []
    this.#order = undefined
    this.bytes = this.#bytesCommitted
    this.#forget()
  }

  clear(): void {
    this.#keys.clear()
    this.#dirty = []
    this.#order = undefined
    this.bytes = this.#bytesCommitted = 0
    this.#forget()
  }

  #forget(): void {
    this.#written = []
    this.#before = []
    this.#epoch++
  }

  #added(key: K, time: number, prior: V | null): Place<K, V> {
    const place: Place<K, V> = { key, time, prior, waiting: undefined, epoch: 0, dirty: false, text: undefined }
    this.#keys.add(place)
    if (this.#order !== undefined) this.#enqueue(place, this.#order)
    return place
  }

  #write(place: Place<K, V>, waiting: Waiting<K, V> | undefined): void {
    if (place.epoch !== this.#epoch) {
      place.epoch = this.#epoch
      this.#written.push(place)
      this.#before.push(place.waiting)
    }
    if (!place.dirty) {
      place.dirty = true
      this.#dirty.push(place)
    }
    this.bytes += (waiting?.bytes ?? 0) - (place.waiting?.bytes ?? 0)
    place.waiting = waiting
  }

  #ordered(): Order<K, V> {
    if (this.#order !== undefined) return this.#order
    const order: Order<K, V> = { times: new Heap(earlier), places: new Map() }
    for (const place of this.#keys) this.#enqueue(place, order)
    this.#order = order
    return order
  }

  #enqueue(place: Place<K, V>, { times, places }: Order<K, V>): void {
    let same = places.get(place.time)
    if (same === undefined) {
      same = new Heap(this.#byText)
      places.set(place.time, same)
      times.push(place.time)
    }
    same.push(place)
  }

  #textOf(place: Place<K, V>): string {
    if (place.text === undefined) {
      const raw = this.#key.transient?.(place.key) ?? this.#key.encode(place.key)
      place.text = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).latin1Slice(0, raw.byteLength)
    }
    return place.text
  }

  /** 8 for the time, the key, the values of which `previous` only counts if it is not `prior`, and the context. */
  #bytesOf(place: Place<K, V>, { value, previous, headers }: Change<K, V>, position: Position | null): number {
    const [prior, last, next] = [place.prior, previous ?? null, value].map(each => this.#bytesOfValue(each))
    const same = prior !== null && last !== null && Buffer.compare(prior!, last!) === 0
    const values = (prior?.length ?? 0) + (same ? 0 : (last?.length ?? 0)) + (next?.length ?? 0)
    const context = headers.reduce((sum, [name, raw]) => sum + name.length + (raw?.length ?? 0), 20 + (position?.topic.length ?? 0))
    return 8 + this.#textOf(place).length + values + context
  }

  #bytesOfValue(value: V | null): Uint8Array | null {
    return value === null ? null : this.#value.encode(value)
  }

  #encoded(place: Place<K, V>, { change, position }: Waiting<K, V>): Buffer {
    const { value, previous, timestamp, headers } = change
    return encodeBufferValue({
      context: { topic: position?.topic ?? '', partition: position?.partition ?? -1, offset: position?.offset ?? -1, timestamp, headers },
      prior: this.#bytesOfValue(place.prior),
      previous: this.#bytesOfValue(previous ?? null),
      value: this.#bytesOfValue(value),
      time: place.time,
    })
  }

  /**
   * The changelog tells each place as it was. Kafka Streams keeps that of the key's earlier record, which is wrong if the key was taken out and came again between two
   * commits.
   */
  #restored(
    key: K,
    bytes: Uint8Array,
    found: Place<K, V> | undefined,
    record: { readonly timestamp: number; readonly headers: Headers },
  ): void {
    const version = record.headers.findLast(([name]) => name === versionHeader)?.[1]?.[0] ?? 0
    const waitingPrior = version < 2 && found !== undefined ? this.#bytesOfValue(found.prior) : undefined
    const { context, prior, previous, value, time } = decodeBufferValue(bytes, version, record, waitingPrior)
    const { topic, partition, offset, timestamp, headers } = context
    const decode = (raw: Uint8Array | null): V | null => (raw === null ? null : this.#value.decode(raw))
    const place = this.#added(key, time, decode(prior))
    const position = topic === '' ? null : { topic, partition, offset }
    const change: Change<K, V> = {
      key,
      value: decode(value),
      previous: decode(previous),
      timestamp,
      headers: headers.length === 0 ? noHeaders : headers,
      latest: true,
    }
    place.waiting = { change, position, bytes: this.#counted ? this.#bytesOf(place, change, position) : 0 }
    this.bytes += place.waiting.bytes
  }
}
