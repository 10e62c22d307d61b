import type { Headers } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { KeyValueStore, Row } from '../contract/store.ts'
import { type Canonical, type KeyForm, keyForm } from './key.ts'
import type { Times } from './timed.ts'
import { WrappedStore } from './wrapped.ts'

/**
 * A key-value store of at most `recordsMax` rows (Kafka Streams: `MemoryNavigableLRUCache`): a put beyond that deletes the row that was read or written longest ago, in
 * the changelog too. After a restart the order is that of the last writes; what a rollback brings back goes first.
 */
export class LruStore<K, V> extends WrappedStore<K, V> {
  readonly #form: KeyForm<K>
  readonly #recordsMax: number
  /** Keys, the one used longest ago first. */
  #used = new Set<Canonical>()
  readonly #rows: Times

  constructor(inner: KeyValueStore<K, V> & Times, key: Serde<K>, recordsMax: number) {
    super(inner)
    this.#rows = inner
    this.#form = keyForm(key)
    this.#recordsMax = recordsMax
  }

  override get(key: K): Row<V> | undefined {
    const row = super.get(key)
    if (row !== undefined) this.#use(this.#form.of(key))
    return row
  }

  override put(key: K, value: V | null, timestamp: number, headers?: Headers): void {
    super.put(key, value, timestamp, headers)
    if (value === null) {
      this.#used.delete(this.#form.of(key))
      return
    }
    this.#use(this.#form.of(key))
    if (this.#used.size <= this.#recordsMax) return
    const [eldest] = this.#used
    this.#used.delete(eldest!)
    super.put(this.#form.back(eldest!), null, timestamp)
  }

  override restore(key: Uint8Array, value: Uint8Array | null, timestamp: number, headers: Headers): void {
    super.restore(key, value, timestamp, headers)
    const canonical = this.#form.ofBytes(key)
    this.#used.delete(canonical)
    if (value !== null) this.#used.add(canonical)
  }

  override rollback(): void {
    super.rollback()
    const there = new Set(Array.from(this.#rows.times(), ([key]) => key))
    const used = this.#used
    this.#used = new Set([...there].filter(key => !used.has(key)))
    for (const key of used) if (there.has(key)) this.#used.add(key)
  }

  override clear(): void {
    super.clear()
    this.#used = new Set()
  }

  #use(key: Canonical): void {
    this.#used.delete(key)
    this.#used.add(key)
  }
}
