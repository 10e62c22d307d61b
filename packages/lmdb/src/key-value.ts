import { type KeyValueStore, type Row, type Serde, type StoreTask, wireOf } from '@riacho/streams/engine'
import { KeyWriter, lastIn, treeEnd, treeStart, wireKey } from './keys.ts'
import { DiskRows } from './rows.ts'
import type { StoreParts } from './store-parts.ts'

const tree = 1
const first = treeStart(tree)
const end = treeEnd(tree)

/** Kafka Streams: `RocksDBTimestampedStore` under a logged store. A row lies at its key. */
export class DiskKeyValueStore<K, V> implements KeyValueStore<K, V> {
  readonly name: string
  readonly #rows: DiskRows<V>
  readonly #key: Serde<K>
  readonly #value: Serde<V>
  readonly #task: StoreTask
  readonly #writer = new KeyWriter()
  /** The text that was used last as a key, and where it lies: a write follows its read. */
  #last: string | undefined
  #lastAt = ''

  constructor({ name, key, value, task, file, memoryBytesMax }: StoreParts<K, V>) {
    this.name = name
    this.#key = key
    this.#value = value
    this.#task = task
    this.#rows = new DiskRows(file, { value, timed: true, memoryBytesMax })
  }

  get size(): number {
    return this.#rows.size
  }

  get uncommitted(): number {
    return this.#rows.uncommitted
  }

  get(key: K): Row<V> | undefined {
    return this.#rows.get(this.#at(wireKey(this.#key, key)))
  }

  put(key: K, value: V | null, timestamp: number): void {
    const wire = wireKey(this.#key, key)
    const at = this.#at(wire)
    const raw = value === null ? null : wireOf(this.#value, value)
    this.#task.log(wire, raw, timestamp)
    this.#rows.write(at, value, timestamp, raw?.length ?? 0)
  }

  entries(): IterableIterator<readonly [K, Row<V>]> {
    return this.#walk(first, end, false)
  }

  reverseEntries(): IterableIterator<readonly [K, Row<V>]> {
    return this.#walk(first, end, true)
  }

  range(from: K | null, to: K | null): IterableIterator<readonly [K, Row<V>]> {
    return this.#walk(this.#from(from), this.#until(to), false)
  }

  reverseRange(from: K | null, to: K | null): IterableIterator<readonly [K, Row<V>]> {
    return this.#walk(this.#from(from), this.#until(to), true)
  }

  prefix(prefix: Uint8Array): IterableIterator<readonly [K, Row<V>]> {
    let length = prefix.length
    while (length > 0 && prefix[length - 1] === 255) length--
    const next = Uint8Array.from(prefix.subarray(0, length))
    if (length > 0) next[length - 1]!++
    return this.#walk(this.#at(prefix), length === 0 ? end : this.#at(next), false)
  }

  restore(key: Uint8Array, value: Uint8Array | null, timestamp: number): void {
    this.#rows.restore(this.#at(key), value === null ? null : this.#value.decode(value), timestamp, value?.length ?? 0)
  }

  committed(): void {
    this.#rows.committed()
  }

  rollback(): void {
    this.#rows.rollback()
  }

  clear(): void {
    this.#rows.clear()
  }

  close(): void {
    this.#rows.close()
  }

  #at(key: string | Uint8Array): string {
    if (key === this.#last) return this.#lastAt
    const at = this.#writer.begin(tree, key.length).last(key).done()
    if (typeof key !== 'string') return at
    this.#last = key
    this.#lastAt = at
    return at
  }

  #from(key: K | null): string {
    return key === null ? first : this.#at(wireKey(this.#key, key))
  }

  #until(key: K | null): string {
    return key === null ? end : `${this.#at(wireKey(this.#key, key))}\0`
  }

  *#walk(from: string, until: string, backward: boolean): IterableIterator<readonly [K, Row<V>]> {
    for (const [key, row] of this.#rows.walk(from, until, backward)) yield [this.#key.decode(lastIn(key, first.length)), row]
  }
}
