import type { Headers } from '../contract/record.ts'
import type { KeyValueStore } from '../contract/store.ts'
import type { HeldChanges } from './held-changes.ts'
import { WrappedStore } from './wrapped.ts'

/** A key-value store whose changes are held back until the commit. */
export class CachedKeyValueStore<K, V> extends WrappedStore<K, V> {
  readonly held: HeldChanges

  constructor(inner: KeyValueStore<K, V>, held: HeldChanges) {
    super(inner)
    this.held = held
  }

  get pending(): number {
    return this.held.size
  }

  flush(): void {
    this.held.flush()
  }

  override put(key: K, value: V | null, timestamp: number, headers?: Headers): void {
    if (this.held.isNew(key)) this.held.add(key, this.inner.get(key)?.value ?? null)
    this.inner.put(key, value, timestamp, headers)
  }

  override rollback(): void {
    this.inner.rollback()
    this.held.clear()
  }

  override clear(): void {
    this.inner.clear()
    this.held.clear()
  }
}
