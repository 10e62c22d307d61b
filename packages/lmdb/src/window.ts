import { type Row, readLong, ScratchKey, type Serde, type StoreTask, type WindowStore, wireOf } from '@riacho/streams/engine'
import { wireKey } from './keys.ts'
import type { AgingStoreParts } from './store-parts.ts'
import type { WindowLayout } from './window-layout.ts'

/** Bytes behind the key in the changelog (Kafka Streams: `WindowKeySchema`): the start in 8, a sequence number in 4. */
const tail = 12

/** Kafka Streams: `RocksDBWindowStore` under a timestamped, logged store; what is expired is so to the millisecond, as in memory. */
export class DiskWindowStore<K, V> implements WindowStore<K, V> {
  readonly name: string
  readonly #rows: WindowLayout<V>
  /** Greatest start put so far; what is at or below it minus the retention is invisible. */
  #time = -1
  #timeCommitted = -1
  readonly #key: Serde<K>
  readonly #value: Serde<V>
  readonly #retention: number
  readonly #task: StoreTask
  readonly #scratch = new ScratchKey(tail)

  constructor(parts: AgingStoreParts<K, V>, layout: (parts: AgingStoreParts<K, V>, expired: () => number) => WindowLayout<V>) {
    this.name = parts.name
    this.#key = parts.key
    this.#value = parts.value
    this.#retention = parts.retention
    this.#task = parts.task
    this.#rows = layout(parts, () => this.#expired)
  }

  get size(): number {
    return this.#rows.size
  }

  get uncommitted(): number {
    return this.#rows.uncommitted
  }

  get(key: K, start: number): Row<V> | undefined {
    return start <= this.#expired ? undefined : this.#rows.get(wireKey(this.#key, key), start)
  }

  put(key: K, start: number, value: V | null, timestamp: number): boolean {
    const wire = wireKey(this.#key, key)
    const raw = value === null ? null : wireOf(this.#value, value)
    this.#task.log(this.#scratch.of(wire, start), raw, timestamp)
    if (start > this.#time) this.#time = start
    if (start <= this.#expired) {
      this.#task.drop('expired')
      return false
    }
    this.#rows.write(wire, start, value, timestamp, raw?.length ?? 0)
    return true
  }

  fetch(key: K, from: number, to: number): IterableIterator<readonly [number, Row<V>]> {
    return this.#rows.ofKey(wireKey(this.#key, key), this.#visible(from), to, false)
  }

  backwardFetch(key: K, from: number, to: number): IterableIterator<readonly [number, Row<V>]> {
    return this.#rows.ofKey(wireKey(this.#key, key), this.#visible(from), to, true)
  }

  fetchAll(from: number, to: number): IterableIterator<readonly [K, number, Row<V>]> {
    return this.#ofAll(this.#visible(from), to, false)
  }

  backwardFetchAll(from: number, to: number): IterableIterator<readonly [K, number, Row<V>]> {
    return this.#ofAll(this.#visible(from), to, true)
  }

  entries(): IterableIterator<readonly [K, number, Row<V>]> {
    return this.fetchAll(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
  }

  restore(key: Uint8Array, value: Uint8Array | null, timestamp: number): void {
    const behind = key.length - tail
    const start = readLong(Buffer.from(key.buffer, key.byteOffset, key.length), behind)
    if (start > this.#time) this.#time = start
    this.#timeCommitted = this.#time
    if (start <= this.#expired) return
    const decoded = value === null ? null : this.#value.decode(value)
    this.#rows.restore(key.subarray(0, behind), start, decoded, timestamp, value?.length ?? 0)
  }

  committed(): void {
    this.#timeCommitted = this.#time
    this.#rows.committed()
  }

  rollback(): void {
    this.#rows.rollback()
    this.#time = this.#timeCommitted
  }

  clear(): void {
    this.#rows.clear()
    this.#time = this.#timeCommitted = -1
  }

  close(): void {
    this.#rows.close()
  }

  /** The latest start that nobody sees any more. */
  get #expired(): number {
    return this.#time - this.#retention
  }

  /** The least start that a read from here on may see. */
  #visible(from: number): number {
    return Math.max(from, this.#expired + 1)
  }

  *#ofAll(from: number, to: number, backward: boolean): IterableIterator<readonly [K, number, Row<V>]> {
    for (const [key, start, row] of this.#rows.ofAll(from, to, backward)) yield [this.#key.decode(key), start, row]
  }
}
