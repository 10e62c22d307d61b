import type { Headers } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { KeyValueStore, Row } from '../contract/store.ts'
import { type Canonical, type KeyForm, keyForm } from './key.ts'
import { WrappedStore } from './wrapped.ts'

/**
 * A key-value store of at most `recordsMax` rows (Kafka Streams: `MemoryNavigableLRUCache`): a put beyond that deletes the row that was read or written longest ago, in
 * the changelog too. After a restart the order is that of the last writes.
 */
export class LruStore<K, V> extends WrappedStore<K, V> {
  readonly #form: KeyForm<K>
  readonly #recordsMax: number
  /** Keys, the one used longest ago first. */
  #used: Set<Canonical> | undefined = new Set()

  constructor(inner: KeyValueStore<K, V>, key: Serde<K>, recordsMax: number) {
    super(inner)
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
      this.#order.delete(this.#form.of(key))
      return
    }
    this.#use(this.#form.of(key))
    const order = this.#order
    if (order.size <= this.#recordsMax) return
    const [eldest] = order
    order.delete(eldest!)
    super.put(this.#form.back(eldest!), null, timestamp)
  }

  override restore(key: Uint8Array, value: Uint8Array | null, timestamp: number, headers: Headers): void {
    super.restore(key, value, timestamp, headers)
    const canonical = this.#form.ofBytes(key)
    this.#order.delete(canonical)
    if (value !== null) this.#order.add(canonical)
  }

  override rollback(): void {
    super.rollback()
    this.#used = undefined
  }

  override clear(): void {
    super.clear()
    this.#used = new Set()
  }

  #use(key: Canonical): void {
    this.#order.delete(key)
    this.#order.add(key)
  }

  get #order(): Set<Canonical> {
    this.#used ??= new Set(Array.from(this.entries(), ([key]) => this.#form.of(key)))
    return this.#used
  }
}
