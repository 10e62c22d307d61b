import type { Headers } from '../contract/record.ts'
import type { Row, WindowStore } from '../contract/store.ts'
import type { HeldChanges } from './held-changes.ts'

/** A window store whose changes are held back until the commit. */
export class CachedWindowStore<K, V> implements WindowStore<K, V> {
  readonly held: HeldChanges
  readonly #inner: WindowStore<K, V>

  constructor(inner: WindowStore<K, V>, held: HeldChanges) {
    this.#inner = inner
    this.held = held
  }

  get name(): string {
    return this.#inner.name
  }

  get size(): number {
    return this.#inner.size
  }

  get pending(): number {
    return this.held.size
  }

  get uncommitted(): number {
    return this.#inner.uncommitted
  }

  flush(): void {
    this.held.flush()
  }

  put(key: K, start: number, value: V | null, timestamp: number): boolean {
    const window = { key, start, end: start }
    if (this.held.isNew(window)) this.held.add(window, this.#inner.get(key, start)?.value ?? null)
    return this.#inner.put(key, start, value, timestamp)
  }

  get(key: K, start: number): Row<V> | undefined {
    return this.#inner.get(key, start)
  }

  fetch(key: K, from: number, to: number): IterableIterator<readonly [number, Row<V>]> {
    return this.#inner.fetch(key, from, to)
  }

  backwardFetch(key: K, from: number, to: number): IterableIterator<readonly [number, Row<V>]> {
    return this.#inner.backwardFetch(key, from, to)
  }

  fetchAll(from: number, to: number): IterableIterator<readonly [K, number, Row<V>]> {
    return this.#inner.fetchAll(from, to)
  }

  backwardFetchAll(from: number, to: number): IterableIterator<readonly [K, number, Row<V>]> {
    return this.#inner.backwardFetchAll(from, to)
  }

  entries(): IterableIterator<readonly [K, number, Row<V>]> {
    return this.#inner.entries()
  }

  restore(key: Uint8Array, value: Uint8Array | null, timestamp: number, headers: Headers): void {
    this.#inner.restore(key, value, timestamp, headers)
  }

  committed(): void {
    this.#inner.committed()
  }

  rollback(): void {
    this.#inner.rollback()
    this.held.clear()
  }

  clear(): void {
    this.#inner.clear()
    this.held.clear()
  }

  close(): void {
    this.#inner.close?.()
  }
}
