import type { Serde } from '../contract/serde.ts'
import type { Row, WindowStore } from '../contract/store.ts'
import type { RowsFacts, StoreSpec, StoreTask } from '../contract/task.ts'
import { checkName } from '../plan/node.ts'
import { readLong } from '../wire/long.ts'
import { ScratchKey } from '../wire/scratch-key.ts'
import { type Canonical, type KeyForm, keyForm, wireOf } from './key.ts'
import type { StoreOptions } from './key-value.ts'
import { RowsByKey } from './window-by-key.ts'
import { RowsByStart } from './window-by-start.ts'
import type { WindowLayout } from './window-layout.ts'

/** Serdes of a window store, and how long its rows stay visible after their window's start, milliseconds. */
export interface WindowStoreOptions<K, V> extends StoreOptions<K, V> {
  readonly retention: number
}

/**
 * Declares a window store in memory with a changelog, for many keys that share few starts, as in tumbling windows: its rows nest start → key. It holds rows with any
 * starts, but where each record has its own, `windowStoreByKey` needs far less memory.
 */
export function windowStore<K, V>(name: string, options: WindowStoreOptions<K, V>): StoreSpec<WindowStore<K, V>> {
  return declared(name, options, 'byStart')
}

/** As `windowStore`, for as many starts as there are records, as in sliding windows: its rows nest key → start. */
export function windowStoreByKey<K, V>(name: string, options: WindowStoreOptions<K, V>): StoreSpec<WindowStore<K, V>> {
  return declared(name, options, 'byKey')
}

function declared<K, V>(
  name: string,
  options: WindowStoreOptions<K, V>,
  layout: NonNullable<RowsFacts['layout']>,
): StoreSpec<WindowStore<K, V>> {
  checkName(name, 'store')
  const spec: StoreSpec<WindowStore<K, V>> = Object.freeze({
    name,
    kind: 'window',
    retention: options.retention,
    rows: { key: options.key as Serde<unknown>, value: options.value as Serde<unknown>, layout },
    create: (task: StoreTask) =>
      task.supply?.(spec, task) ??
      new MemoryWindowStore(name, options, layout === 'byStart' ? new RowsByStart<V>() : new RowsByKey<V>(), task),
  })
  return spec
}

/** Kafka Streams: `InMemoryWindowStore` under a timestamped, logged store. */
class MemoryWindowStore<K, V> implements WindowStore<K, V> {
  readonly name: string
  readonly #rows: WindowLayout<V>
  /** Greatest start put so far; what is at or below it minus the retention is invisible. */
  #time = -1
  #timeCommitted = -1
  readonly #form: KeyForm<K>
  readonly #value: Serde<V>
  readonly #retention: number
  readonly #task: StoreTask
  /** Keys of the changelog (Kafka Streams: `WindowKeySchema`): key, start in 8 bytes, sequence in 4. */
  readonly #scratch = new ScratchKey(12)

  constructor(name: string, options: WindowStoreOptions<K, V>, rows: WindowLayout<V>, task: StoreTask) {
    this.name = name
    this.#rows = rows
    this.#form = keyForm(options.key)
    this.#value = options.value
    this.#retention = options.retention
    this.#task = task
  }

  get size(): number {
    return this.#rows.size
  }

  get uncommitted(): number {
    return this.#rows.uncommitted
  }

  get(key: K, start: number): Row<V> | undefined {
    if (start <= this.#time - this.#retention) return undefined
    return this.#rows.get(this.#form.of(key), start)
  }

  put(key: K, start: number, value: V | null, timestamp: number): boolean {
    const canonical = this.#form.of(key)
    this.#task.log(this.#scratch.of(this.#form.wire(canonical), start), value === null ? null : wireOf(this.#value, value), timestamp)
    if (start > this.#time) this.#time = start
    if (start <= this.#time - this.#retention) {
      this.#task.drop('expired')
      return false
    }
    this.#rows.write(canonical, start, value, timestamp)
    return true
  }

  fetch(key: K, from: number, to: number): IterableIterator<readonly [number, Row<V>]> {
    return this.#ofKey(this.#form.of(key), this.#visible(from), to, false)
  }

  backwardFetch(key: K, from: number, to: number): IterableIterator<readonly [number, Row<V>]> {
    return this.#ofKey(this.#form.of(key), this.#visible(from), to, true)
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
    const start = readLong(key, key.length - 12)
    if (start > this.#time) {
      this.#time = start
      this.#rows.expire(this.#time - this.#retention)
    }
    this.#timeCommitted = this.#time
    if (start <= this.#time - this.#retention) return
    const canonical = this.#form.ofBytes(key.subarray(0, key.length - 12))
    this.#rows.restore(canonical, start, value === null ? null : this.#value.decode(value), timestamp)
  }

  /** Lets go of rows that nobody sees any more: not before, because a rollback turns time back. */
  committed(): void {
    this.#rows.committed()
    this.#timeCommitted = this.#time
    this.#rows.expire(this.#time - this.#retention)
  }

  rollback(): void {
    this.#rows.rollback()
    this.#time = this.#timeCommitted
  }

  clear(): void {
    this.#rows.clear()
    this.#time = this.#timeCommitted = -1
  }

  /** The least start that a read from here on may see. */
  #visible(from: number): number {
    return Math.max(from, this.#time - this.#retention + 1)
  }

  *#ofKey(key: Canonical, from: number, to: number, backward: boolean): IterableIterator<readonly [number, Row<V>]> {
    const rows = this.#rows
    let start = backward ? rows.last(from, to, key) : rows.first(from, to, key)
    while (start !== undefined) {
      yield [start, rows.get(key, start)!]
      start = backward ? rows.last(from, start - 1, key) : rows.first(start + 1, to, key)
    }
  }

  *#ofAll(from: number, to: number, backward: boolean): IterableIterator<readonly [K, number, Row<V>]> {
    const rows = this.#rows
    let start = backward ? rows.last(from, to) : rows.first(from, to)
    while (start !== undefined) {
      const keys = rows.keysAt(start)
      if (keys.length > 1) keys.sort(this.#form.compare)
      for (const key of backward ? keys.reverse() : keys) {
        const row = rows.get(key, start)
        if (row !== undefined) yield [this.#form.back(key), start, row]
      }
      start = backward ? rows.last(from, start - 1) : rows.first(start + 1, to)
    }
  }
}
