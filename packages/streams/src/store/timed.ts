import type { Headers } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { KeyValueStore } from '../contract/store.ts'
import { DueQueue } from './due-queue.ts'
import { type Canonical, type KeyForm, keyForm } from './key.ts'
import { WrappedStore } from './wrapped.ts'

/** Entries of rows that have moved or gone are carried along until there are so many more of them than rows. */
const staleMin = 64

/** The times of rows by what stands for their key: looking at them is no use of a row, and needs no order. */
export interface Times {
  times(): Iterable<readonly [Canonical, number]>
  timeOf(key: Canonical): number | undefined
}

/** A key-value store that knows which of its rows has the least time. */
export class TimedStore<K, V> extends WrappedStore<K, V> {
  readonly #times: Times
  readonly #form: KeyForm<K>
  /** Every row's time, and some that are no more. Made at the first question, and anew after rows came back. */
  #queue: DueQueue | undefined

  constructor(inner: KeyValueStore<K, V>, times: Times, key: Serde<K>) {
    super(inner)
    this.#times = times
    this.#form = keyForm(key)
  }

  override put(key: K, value: V | null, timestamp: number, headers?: Headers): void {
    super.put(key, value, timestamp, headers)
    if (value === null || this.#queue === undefined) return
    this.#queue.push(timestamp, this.#form.of(key))
    if (this.#queue.size > 2 * this.size + staleMin) this.#queue = undefined
  }

  /** The key of the row with the least time, equal times in the order of the keys, if that time is at most `limit`. Whoever deletes or moves it may ask again. */
  due(limit: number): K | undefined {
    this.#queue ??= this.#made()
    while (this.#queue.time <= limit) {
      const { key } = this.#queue
      if (this.#times.timeOf(key) === this.#queue.time) return this.#form.back(key)
      this.#queue.pop()
    }
    return undefined
  }

  override restore(key: Uint8Array, value: Uint8Array | null, timestamp: number, headers: Headers): void {
    super.restore(key, value, timestamp, headers)
    this.#queue = undefined
  }

  override rollback(): void {
    super.rollback()
    this.#queue = undefined
  }

  override clear(): void {
    super.clear()
    this.#queue = undefined
  }

  #made(): DueQueue {
    const queue = new DueQueue(this.#form.compare)
    for (const [key, timestamp] of this.#times.times()) queue.push(timestamp, key)
    return queue
  }
}
