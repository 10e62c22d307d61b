import type { Headers } from '../contract/record.ts'
import type { KeyValueStore, Row } from '../contract/store.ts'

/** A key-value store that is another one with something added. */
export abstract class WrappedStore<K, V> implements KeyValueStore<K, V> {
  protected readonly inner: KeyValueStore<K, V>

  constructor(inner: KeyValueStore<K, V>) {
    this.inner = inner
  }

  get name(): string {
    return this.inner.name
  }

  get size(): number {
    return this.inner.size
  }

  get uncommitted(): number {
    return this.inner.uncommitted
  }

  get(key: K): Row<V> | undefined {
    return this.inner.get(key)
  }

  put(key: K, value: V | null, timestamp: number, headers?: Headers): void {
    this.inner.put(key, value, timestamp, headers)
  }

  entries(): IterableIterator<readonly [K, Row<V>]> {
    return this.inner.entries()
  }

  reverseEntries(): IterableIterator<readonly [K, Row<V>]> {
    return this.inner.reverseEntries()
  }

  range(from: K | null, to: K | null): IterableIterator<readonly [K, Row<V>]> {
    return this.inner.range(from, to)
  }

  reverseRange(from: K | null, to: K | null): IterableIterator<readonly [K, Row<V>]> {
    return this.inner.reverseRange(from, to)
  }

  prefix(prefix: Uint8Array): IterableIterator<readonly [K, Row<V>]> {
    return this.inner.prefix(prefix)
  }

  restore(key: Uint8Array, value: Uint8Array | null, timestamp: number, headers: Headers): void {
    this.inner.restore(key, value, timestamp, headers)
  }

  committed(): void {
    this.inner.committed()
  }

  rollback(): void {
    this.inner.rollback()
  }

  clear(): void {
    this.inner.clear()
  }

  close(): void {
    this.inner.close?.()
  }
}
