import type { Serde } from '../contract/serde.ts'
import type { Row, VersionedPut, VersionedStore } from '../contract/store.ts'
import type { StoreSpec, StoreTask } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { checkName } from '../plan/node.ts'
import { Histories } from './histories.ts'
import { type Canonical, inByteOrder, type KeyForm, keyForm, wireOf } from './key.ts'
import type { StoreOptions } from './key-value.ts'
import { Rows } from './rows.ts'
import { UndoLog } from './undo.ts'

/** Serdes of a versioned store, and for how many milliseconds of event time it knows how rows were. */
export interface VersionedStoreOptions<K, V> extends StoreOptions<K, V> {
  readonly historyRetention: number
}

/** Declares a versioned store in memory with a changelog. Throws `RIACHO_NAME`, `RIACHO_OPTION`. */
export function versionedStore<K, V>(name: string, options: VersionedStoreOptions<K, V>): StoreSpec<VersionedStore<K, V>> {
  checkName(name, 'store')
  const { historyRetention } = options
  if (!Number.isSafeInteger(historyRetention) || historyRetention < 0) {
    throw new RiachoError(
      'RIACHO_OPTION',
      `store '${name}': historyRetention is a whole number of milliseconds, 0 or more, not ${historyRetention}`,
    )
  }
  return Object.freeze({
    name,
    kind: 'versioned',
    retention: historyRetention,
    create: (task: StoreTask) => new MemoryVersionedStore(name, options, task),
  })
}

/**
 * Answers as Kafka Streams' `RocksDBVersionedStore` does, with its logging. Latest rows lie apart from what is over, so a key that never changes costs what it costs in a
 * key-value store. One thing is lost there and so here: a deletion at the very time of the latest row is forgotten if nothing is known to end at that time.
 */
class MemoryVersionedStore<K, V> implements VersionedStore<K, V> {
  readonly name: string
  /** Rows that are not over. */
  readonly #latest = new Rows<V>()
  readonly #undo = new UndoLog<V>()
  readonly #histories: Histories<V>
  /** Greatest timestamp put so far: what ended more than the retention before it is forgotten. */
  #time = -1
  #timeCommitted = -1
  readonly #form: KeyForm<K>
  readonly #value: Serde<V>
  readonly #retention: number
  readonly #task: StoreTask

  constructor(name: string, options: VersionedStoreOptions<K, V>, task: StoreTask) {
    this.name = name
    this.#form = keyForm(options.key)
    this.#value = options.value
    this.#retention = options.historyRetention
    this.#histories = new Histories(options.historyRetention)
    this.#task = task
  }

  get size(): number {
    return this.#latest.size
  }

  get uncommitted(): number {
    return this.#undo.size + this.#histories.uncommitted
  }

  get(key: K): Row<V> | undefined {
    return this.#latest.get(this.#form.of(key))
  }

  asOf(key: K, timestamp: number): Row<V> | undefined {
    const canonical = this.#form.of(key)
    const slot = this.#latest.slot(canonical)
    if (slot >= 0 && this.#latest.timestamp(slot) <= timestamp) return this.#latest.get(canonical)
    return timestamp < this.#limit ? undefined : this.#histories.get(canonical)?.asOf(timestamp)
  }

  put(key: K, value: V | null, timestamp: number): VersionedPut {
    const canonical = this.#form.of(key)
    this.#task.log(this.#form.wire(canonical), value === null ? null : wireOf(this.#value, value), timestamp)
    if (timestamp < this.#limit) {
      this.#task.drop('expired')
      return 'expired'
    }
    if (timestamp > this.#time) this.#time = timestamp
    return this.#put(canonical, value, timestamp, true)
  }

  delete(key: K, timestamp: number): Row<V> | undefined {
    const row = timestamp < this.#limit ? undefined : this.asOf(key, timestamp)
    this.put(key, null, timestamp)
    return row
  }

  *entries(): IterableIterator<readonly [K, Row<V>]> {
    for (const [canonical, row] of inByteOrder(this.#form, this.#latest)) yield [this.#form.back(canonical), row]
  }

  restore(key: Uint8Array, value: Uint8Array | null, timestamp: number): void {
    if (timestamp < this.#limit) return
    if (timestamp > this.#time) {
      this.#time = this.#timeCommitted = timestamp
      this.#histories.expire(this.#limit)
    }
    this.#put(this.#form.ofBytes(key), value === null ? null : this.#value.decode(value), timestamp, false)
  }

  committed(): void {
    this.#undo.committed()
    this.#histories.committed()
    this.#timeCommitted = this.#time
    this.#histories.expire(this.#limit)
  }

  rollback(): void {
    this.#undo.rollback()
    this.#histories.rollback()
    this.#time = this.#timeCommitted
  }

  clear(): void {
    this.#latest.clear()
    this.#undo.committed()
    this.#histories.clear()
    this.#time = this.#timeCommitted = -1
  }

  /** Nobody may put before this time, or ask how rows were. */
  get #limit(): number {
    return this.#time - this.#retention
  }

  /** `undoable`: an abort puts it back. */
  #put(key: Canonical, value: V | null, timestamp: number, undoable: boolean): VersionedPut {
    const slot = this.#latest.slot(key)
    const since = slot < 0 ? Number.POSITIVE_INFINITY : this.#latest.timestamp(slot)
    if (timestamp >= since) {
      if (timestamp > since) this.#histories.put(key, since, timestamp, this.#latest.value(slot), undoable)
      this.#setLatest(key, value, timestamp, undoable)
      return 'latest'
    }
    const end = Math.min(since, this.#histories.get(key)?.endOf(timestamp) ?? Number.POSITIVE_INFINITY)
    if (end !== Number.POSITIVE_INFINITY) {
      this.#histories.put(key, timestamp, end, value, undoable)
      return 'older'
    }
    if (value === null) this.#histories.endAt(key, timestamp, undoable)
    else this.#setLatest(key, value, timestamp, undoable)
    return 'latest'
  }

  #setLatest(key: Canonical, value: V | null, timestamp: number, undoable: boolean): void {
    if (undoable) this.#undo.write(this.#latest, key, value, timestamp)
    else if (value === null) this.#latest.delete(key)
    else this.#latest.set(key, value, timestamp, 0)
  }
}
