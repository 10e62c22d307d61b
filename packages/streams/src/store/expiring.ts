import type { Headers } from '../contract/record.ts'
import type { KeyValueStore, Row } from '../contract/store.ts'
import type { StoreTask } from '../contract/task.ts'
import type { TimedStore } from './timed.ts'
import { WrappedStore } from './wrapped.ts'

/** Rows deleted at one put: more than a put can add, few enough that time may jump. What is expired and still there is not shown. */
const expiredPerPut = 64

/**
 * A key-value store whose rows live for `ttl` milliseconds of event time: the greatest time put so far minus that of the row. Expired rows are deleted with tombstones
 * in the changelog, so that the changelog forgets them too (KIP-1225 asks for it; Kafka Streams has no such store).
 */
export class ExpiringStore<K, V> extends WrappedStore<K, V> implements KeyValueStore<K, V> {
  readonly #rows: TimedStore<K, V>
  readonly #ttl: number
  readonly #task: StoreTask
  #time = -1
  #timeCommitted = -1

  constructor(rows: TimedStore<K, V>, ttl: number, task: StoreTask) {
    super(rows)
    this.#rows = rows
    this.#ttl = ttl
    this.#task = task
  }

  override get size(): number {
    let size = 0
    for (const _row of this.entries()) size++
    return size
  }

  override get(key: K): Row<V> | undefined {
    const row = super.get(key)
    return row !== undefined && row.timestamp > this.#limit ? row : undefined
  }

  override put(key: K, value: V | null, timestamp: number, headers?: Headers): void {
    if (timestamp > this.#time) this.#time = timestamp
    for (let i = 0; i < expiredPerPut; i++) {
      const expired = this.#rows.due(this.#limit)
      if (expired === undefined) break
      super.put(expired, null, this.#time)
    }
    if (value === null || timestamp > this.#limit) super.put(key, value, timestamp, headers)
    else this.#task.drop('expired')
  }

  override entries(): IterableIterator<readonly [K, Row<V>]> {
    return this.#live(super.entries())
  }

  override reverseEntries(): IterableIterator<readonly [K, Row<V>]> {
    return this.#live(super.reverseEntries())
  }

  override range(from: K | null, to: K | null): IterableIterator<readonly [K, Row<V>]> {
    return this.#live(super.range(from, to))
  }

  override reverseRange(from: K | null, to: K | null): IterableIterator<readonly [K, Row<V>]> {
    return this.#live(super.reverseRange(from, to))
  }

  override prefix(prefix: Uint8Array): IterableIterator<readonly [K, Row<V>]> {
    return this.#live(super.prefix(prefix))
  }

  override restore(key: Uint8Array, value: Uint8Array | null, timestamp: number, headers: Headers): void {
    super.restore(key, value, timestamp, headers)
    if (timestamp > this.#time) this.#time = this.#timeCommitted = timestamp
  }

  override committed(): void {
    super.committed()
    this.#timeCommitted = this.#time
  }

  override rollback(): void {
    super.rollback()
    this.#time = this.#timeCommitted
  }

  override clear(): void {
    super.clear()
    this.#time = this.#timeCommitted = -1
  }

  /** Rows of this time and before are expired. */
  get #limit(): number {
    return this.#time - this.#ttl
  }

  *#live(rows: Iterable<readonly [K, Row<V>]>): IterableIterator<readonly [K, Row<V>]> {
    for (const each of rows) if (each[1].timestamp > this.#limit) yield each
  }
}
