import type { Serde } from '../contract/serde.ts'
import type { Row, WindowStore } from '../contract/store.ts'
import type { StoreSpec, StoreTask } from '../contract/task.ts'
import { checkName } from '../plan/node.ts'
import { readLong } from '../wire/long.ts'
import { ScratchKey } from '../wire/scratch-key.ts'
import { type Canonical, type KeyForm, keyForm, wireOf } from './key.ts'
import type { StoreOptions } from './key-value.ts'
import { Rows } from './rows.ts'
import { UndoLog } from './undo.ts'

/** Declares a window store in memory with a changelog. `retention` is milliseconds that a row stays visible after its window's start. */
export function windowStore<K, V>(
  name: string,
  options: StoreOptions<K, V> & { readonly retention: number },
): StoreSpec<WindowStore<K, V>> {
  checkName(name, 'store')
  return Object.freeze({
    name,
    kind: 'window',
    retention: options.retention,
    create: (task: StoreTask) => new MemoryWindowStore(name, options, task),
  })
}

/** Kafka Streams: `InMemoryWindowStore`. Rows nest start → key, so that a million keys share one start and expiry drops one Map. */
class MemoryWindowStore<K, V> implements WindowStore<K, V> {
  readonly name: string
  readonly #windows = new Map<number, Rows<V>>()
  /** Starts that have rows, ascending. */
  #starts: number[] = []
  /** Greatest start put so far; what is at or below it minus the retention is invisible. */
  #time = -1
  #timeCommitted = -1
  readonly #undo = new UndoLog<V>()
  /** The window that was used last: records of one window come together. */
  #lastStart = -1
  #lastRows: Rows<V> | undefined
  readonly #form: KeyForm<K>
  readonly #value: Serde<V>
  readonly #retention: number
  readonly #task: StoreTask
  /** Keys of the changelog (Kafka Streams: `WindowKeySchema`): key, start in 8 bytes, sequence in 4. */
  readonly #scratch = new ScratchKey(12)

  constructor(name: string, options: StoreOptions<K, V> & { readonly retention: number }, task: StoreTask) {
    this.name = name
    this.#form = keyForm(options.key)
    this.#value = options.value
    this.#retention = options.retention
    this.#task = task
  }

  get size(): number {
    let size = 0
    for (const rows of this.#windows.values()) size += rows.size
    return size
  }

  get uncommitted(): number {
    return this.#undo.size
  }

  get(key: K, start: number): Row<V> | undefined {
    if (start <= this.#time - this.#retention) return undefined
    return this.#window(start)?.get(this.#form.of(key))
  }

  put(key: K, start: number, value: V | null, timestamp: number): boolean {
    const canonical = this.#form.of(key)
    this.#task.log(this.#scratch.of(this.#form.wire(canonical), start), value === null ? null : wireOf(this.#value, value), timestamp)
    if (start > this.#time) this.#time = start
    if (start <= this.#time - this.#retention) {
      this.#task.drop('expired')
      return false
    }
    this.#undo.write(this.#rowsOf(start), canonical, value, timestamp)
    return true
  }

  *fetch(key: K, from: number, to: number): IterableIterator<readonly [number, Row<V>]> {
    const canonical = this.#form.of(key)
    for (let start = this.#startFrom(this.#visible(from)); start !== undefined && start <= to; start = this.#startFrom(start + 1)) {
      const row = this.#windows.get(start)!.get(canonical)
      if (row !== undefined) yield [start, row]
    }
  }

  *backwardFetch(key: K, from: number, to: number): IterableIterator<readonly [number, Row<V>]> {
    const canonical = this.#form.of(key)
    const least = this.#visible(from)
    for (let start = this.#startUpTo(to); start !== undefined && start >= least; start = this.#startUpTo(start - 1)) {
      const row = this.#windows.get(start)!.get(canonical)
      if (row !== undefined) yield [start, row]
    }
  }

  *fetchAll(from: number, to: number): IterableIterator<readonly [K, number, Row<V>]> {
    for (let start = this.#startFrom(this.#visible(from)); start !== undefined && start <= to; start = this.#startFrom(start + 1)) {
      yield* this.#ofWindow(start, this.#sorted(start))
    }
  }

  *backwardFetchAll(from: number, to: number): IterableIterator<readonly [K, number, Row<V>]> {
    const least = this.#visible(from)
    for (let start = this.#startUpTo(to); start !== undefined && start >= least; start = this.#startUpTo(start - 1)) {
      yield* this.#ofWindow(start, this.#sorted(start).reverse())
    }
  }

  entries(): IterableIterator<readonly [K, number, Row<V>]> {
    return this.fetchAll(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
  }

  restore(key: Uint8Array, value: Uint8Array | null, timestamp: number): void {
    const start = readLong(key, key.length - 12)
    const canonical = this.#form.ofBytes(key.subarray(0, key.length - 12))
    if (start > this.#time) {
      this.#time = start
      this.#expire()
    }
    this.#timeCommitted = this.#time
    if (start <= this.#time - this.#retention) return
    if (value === null) this.#windows.get(start)?.delete(canonical)
    else this.#rowsOf(start).set(canonical, this.#value.decode(value), timestamp, 0)
  }

  committed(): void {
    this.#undo.committed()
    this.#timeCommitted = this.#time
    this.#expire()
  }

  rollback(): void {
    this.#undo.rollback()
    this.#time = this.#timeCommitted
  }

  clear(): void {
    this.#windows.clear()
    this.#lastStart = -1
    this.#starts = []
    this.#time = this.#timeCommitted = -1
    this.#undo.committed()
  }

  /** Lets go of windows that nobody sees any more: not between commits, because a rollback turns time back. */
  #expire(): void {
    const limit = this.#time - this.#retention
    this.#lastStart = -1
    let expired = 0
    while (expired < this.#starts.length && this.#starts[expired]! <= limit) this.#windows.delete(this.#starts[expired++]!)
    if (expired > 0) this.#starts = this.#starts.slice(expired)
  }

  /** The least start that a read from here on may see. */
  #visible(from: number): number {
    return Math.max(from, this.#time - this.#retention + 1)
  }

  /** The first start at or after a time. */
  #startFrom(time: number): number | undefined {
    return this.#starts[this.#placeOf(time)]
  }

  /** The last start at or before a time. */
  #startUpTo(time: number): number | undefined {
    const at = this.#placeOf(time)
    return this.#starts[at] === time ? time : this.#starts[at - 1]
  }

  /** How many starts lie before a time. */
  #placeOf(time: number): number {
    let low = 0
    let high = this.#starts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#starts[middle]! < time) low = middle + 1
      else high = middle
    }
    return low
  }

  #sorted(start: number): Canonical[] {
    return [...this.#windows.get(start)!.keys()].sort(this.#form.compare)
  }

  *#ofWindow(start: number, keys: readonly Canonical[]): IterableIterator<readonly [K, number, Row<V>]> {
    const rows = this.#windows.get(start)!
    for (const canonical of keys) {
      const row = rows.get(canonical)
      if (row !== undefined) yield [this.#form.back(canonical), start, row]
    }
  }

  #window(start: number): Rows<V> | undefined {
    if (start === this.#lastStart) return this.#lastRows
    const rows = this.#windows.get(start)
    if (rows !== undefined) {
      this.#lastStart = start
      this.#lastRows = rows
    }
    return rows
  }

  #rowsOf(start: number): Rows<V> {
    const found = this.#window(start)
    if (found !== undefined) return found
    const rows = new Rows<V>()
    this.#windows.set(start, rows)
    this.#lastRows = undefined
    this.#lastStart = -1
    this.#starts.splice(this.#placeOf(start), 0, start)
    return rows
  }
}
