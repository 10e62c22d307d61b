import type { Headers } from '../contract/record.ts'
import type { SessionRow, SessionStore } from '../contract/store.ts'
import type { HeldChanges } from './held-changes.ts'

/** A session store whose changes are held back until the commit. */
export class CachedSessionStore<K, V> implements SessionStore<K, V> {
  readonly held: HeldChanges
  readonly #inner: SessionStore<K, V>

  constructor(inner: SessionStore<K, V>, held: HeldChanges) {
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

  put(key: K, start: number, end: number, value: V | null, timestamp: number): boolean {
    this.#writing(key, start, end)
    return this.#inner.put(key, start, end, value, timestamp)
  }

  remove(key: K, start: number, end: number, timestamp: number): void {
    this.#writing(key, start, end)
    this.#inner.remove(key, start, end, timestamp)
  }

  #writing(key: K, start: number, end: number): void {
    const session = { key, start, end }
    if (this.held.isNew(session)) this.held.add(session, this.#inner.fetchSession(key, start, end) ?? null)
  }

  fetchSession(key: K, start: number, end: number): V | undefined {
    return this.#inner.fetchSession(key, start, end)
  }

  findSessions(key: K, earliestEnd: number, latestStart: number): readonly SessionRow<V>[] {
    return this.#inner.findSessions(key, earliestEnd, latestStart)
  }

  fetch(key: K): readonly SessionRow<V>[] {
    return this.#inner.fetch(key)
  }

  findEnded(earliestEnd: number, latestEnd: number): IterableIterator<readonly [K, SessionRow<V>]> {
    return this.#inner.findEnded(earliestEnd, latestEnd)
  }

  entries(): IterableIterator<readonly [K, SessionRow<V>]> {
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
