import type { Headers } from '../contract/record.ts'
import type { Row, Store } from '../contract/store.ts'
import type { StoreSpec, StoreTask } from '../contract/task.ts'
import { checkName } from '../plan/node.ts'
import { readLong } from '../wire/long.ts'
import { ScratchKey } from '../wire/scratch-key.ts'
import { type Canonical, inByteOrder, type KeyForm, keyForm, wireOf } from './key.ts'
import type { StoreOptions } from './key-value.ts'
import { TimedRows } from './timed-rows.ts'

/**
 * The records of one side of a stream-stream join, all of them, by key and time. A row whose time <= (greatest time put so far) - retention is invisible. Keys
 * are given as what stands for them: the join knows it.
 */
export interface JoinSideStore<K, V> extends Store {
  /** Finds the visible rows of a key between two times, both inclusive, in the order of time and arrival; returns how many there are. */
  find(key: Canonical, from: number, to: number): number
  /** Of the i-th row that was found last. */
  timeAt(i: number): number
  valueAt(i: number): V
  /** Logs a record with its headers. One without a value moves the store's time and is not kept; nor is one that is already expired, which is counted. */
  put(key: Canonical, value: V | null, time: number, headers?: Headers): void
  /** Rows that are kept, those that expired since the last commit too. */
  readonly size: number
  /** All visible rows, those of a key together. */
  entries(): IterableIterator<readonly [K, number, Row<V>]>
}

/** So many spans of a store's retention expire one by one. */
const spans = 16

/** Declares the store of one side of a join, in memory with a changelog. `retention`: milliseconds. */
export function joinSideStore<K, V>(
  name: string,
  options: StoreOptions<K, V> & { readonly retention: number },
): StoreSpec<JoinSideStore<K, V>> {
  checkName(name, 'store')
  return Object.freeze({
    name,
    kind: 'window',
    retention: options.retention,
    duplicates: true,
    create: (task: StoreTask) => new MemoryJoinSideStore(name, options, task),
  })
}

/** Kafka Streams: `InMemoryWindowStore` that retains duplicates. */
class MemoryJoinSideStore<K, V> implements JoinSideStore<K, V> {
  readonly name: string
  readonly #rows: TimedRows<V>
  readonly #form: KeyForm<K>
  readonly #options: StoreOptions<K, V> & { readonly retention: number }
  readonly #task: StoreTask
  /** Keys of the changelog (Kafka Streams: `WindowKeySchema`): key, time in 8 bytes, sequence in 4. */
  readonly #scratch = new ScratchKey(12)
  #time = -1
  #timeCommitted = -1
  /** Counts the records that are logged, so that no two have the same key. */
  #sequence = 0
  #sequenceCommitted = 0

  constructor(name: string, options: StoreOptions<K, V> & { readonly retention: number }, task: StoreTask) {
    this.name = name
    this.#rows = new TimedRows(Math.max(1, Math.ceil(options.retention / spans)))
    this.#form = keyForm(options.key)
    this.#options = options
    this.#task = task
  }

  get uncommitted(): number {
    return this.#rows.uncommitted
  }

  get size(): number {
    return this.#rows.size
  }

  find(key: Canonical, from: number, to: number): number {
    return this.#rows.find(key, Math.max(from, this.#time - this.#options.retention + 1), to)
  }

  timeAt(i: number): number {
    return this.#rows.time(this.#rows.found(i))
  }

  valueAt(i: number): V {
    return this.#rows.value(this.#rows.found(i))
  }

  put(key: Canonical, value: V | null, time: number, headers?: Headers): void {
    this.#sequence = (this.#sequence + 1) & 0x7fffffff
    const wire = this.#scratch.of(this.#form.wire(key), time)
    wire.writeInt32BE(this.#sequence, wire.length - 4)
    this.#task.log(wire, value === null ? null : wireOf(this.#options.value, value), time, headers)
    if (time > this.#time) this.#time = time
    if (time <= this.#time - this.#options.retention) this.#task.drop('expired')
    else if (value !== null) this.#rows.insert(key, time, value)
  }

  *entries(): IterableIterator<readonly [K, number, Row<V>]> {
    for (const [key, slots] of inByteOrder(this.#form, this.#rows.lists())) {
      for (const slot of slots) {
        const timestamp = this.#rows.time(slot)
        if (timestamp > this.#time - this.#options.retention)
          yield [this.#form.back(key), timestamp, { value: this.#rows.value(slot), timestamp }]
      }
    }
  }

  restore(key: Uint8Array, value: Uint8Array | null): void {
    const tail = key.length - 12
    const time = readLong(key, tail)
    this.#sequence = this.#sequenceCommitted = Math.max(this.#sequence, sequenceOf(key))
    if (time > this.#time) {
      this.#time = this.#timeCommitted = time
      this.#rows.expire(time - this.#options.retention)
    }
    if (value === null || time <= this.#time - this.#options.retention) return
    this.#rows.restore(this.#form.ofBytes(key.subarray(0, tail)), time, this.#options.value.decode(value))
  }

  /** Expired rows go now, not between commits: a rollback turns time back. */
  committed(): void {
    this.#rows.committed()
    this.#timeCommitted = this.#time
    this.#sequenceCommitted = this.#sequence
    this.#rows.expire(this.#time - this.#options.retention)
  }

  rollback(): void {
    this.#rows.rollback()
    this.#time = this.#timeCommitted
    this.#sequence = this.#sequenceCommitted
  }

  clear(): void {
    this.#rows.clear()
    this.#time = this.#timeCommitted = -1
    this.#sequence = this.#sequenceCommitted = 0
  }
}

/** The last 4 bytes of a key of the changelog. */
function sequenceOf(key: Uint8Array): number {
  const at = key.length - 4
  return (key[at]! << 24) | (key[at + 1]! << 16) | (key[at + 2]! << 8) | key[at + 3]!
}
