import type { Serde } from '../contract/serde.ts'
import type { Row, WindowStore } from '../contract/store.ts'
import type { StoreSpec, StoreTask } from '../contract/task.ts'
import { checkName } from '../plan/node.ts'
import { readTime, writeTime } from '../wire/windowed-key.ts'
import { type Canonical, inByteOrder, type KeyForm, keyForm } from './key.ts'
import type { StoreOptions } from './key-value.ts'
import { type LiveRow, type Rows, UndoLog } from './undo.ts'

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
  readonly #form: KeyForm<K>
  readonly #value: Serde<V>
  readonly #retention: number
  readonly #task: StoreTask
  readonly #scratch = new ScratchKey()

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
    return this.#windows.get(start)?.get(this.#form.of(key))
  }

  put(key: K, start: number, value: V | null, timestamp: number): boolean {
    const canonical = this.#form.of(key)
    const serde = this.#value
    const wire = this.#scratch.of(this.#form.wire(canonical), start)
    this.#task.log(wire, value === null ? null : serde.text === undefined ? serde.encode(value) : serde.text(value), timestamp)
    if (start > this.#time) this.#time = start
    if (start <= this.#time - this.#retention) {
      this.#task.drop('expired')
      return false
    }
    this.#undo.write(this.#rowsOf(start), canonical, value, timestamp)
    return true
  }

  *entries(): IterableIterator<readonly [K, number, Row<V>]> {
    for (const start of this.#starts) {
      if (start <= this.#time - this.#retention) continue
      const rows = inByteOrder<K, LiveRow<V>>(this.#form, this.#windows.get(start) ?? [])
      for (const [canonical, row] of rows) yield [this.#form.back(canonical), start, row]
    }
  }

  restore(key: Uint8Array, value: Uint8Array | null, timestamp: number): void {
    const start = readTime(key, key.length - 12)
    const canonical = this.#form.ofBytes(key.subarray(0, key.length - 12))
    if (start > this.#time) this.#time = start
    this.#timeCommitted = this.#time
    if (start <= this.#time - this.#retention) return
    if (value === null) this.#windows.get(start)?.delete(canonical)
    else this.#rowsOf(start).set(canonical, { value: this.#value.decode(value), timestamp, epoch: 0 })
  }

  committed(): void {
    this.#undo.committed()
    this.#timeCommitted = this.#time
    const limit = this.#time - this.#retention
    let expired = 0
    while (expired < this.#starts.length && this.#starts[expired]! <= limit) this.#windows.delete(this.#starts[expired++]!)
    if (expired > 0) this.#starts = this.#starts.slice(expired)
  }

  rollback(): void {
    this.#undo.rollback()
    this.#time = this.#timeCommitted
  }

  clear(): void {
    this.#windows.clear()
    this.#starts = []
    this.#time = this.#timeCommitted = -1
    this.#undo.committed()
  }

  #rowsOf(start: number): Rows<V> {
    const found = this.#windows.get(start)
    if (found !== undefined) return found
    const rows: Map<Canonical, LiveRow<V>> = new Map()
    this.#windows.set(start, rows)
    let at = this.#starts.length
    while (at > 0 && this.#starts[at - 1]! > start) at--
    this.#starts.splice(at, 0, start)
    return rows
  }
}

/**
 * The changelog's key (Kafka Streams: `WindowKeySchema`: key, start in 8 bytes, sequence in 4), written into one buffer that is used again: the changelog
 * copies it at once. Views are kept by length, so no record makes one.
 */
class ScratchKey {
  #buffer = Buffer.alloc(256)
  #views: Buffer[] = []

  of(key: string | Uint8Array, start: number): Buffer {
    const most = key.length * 3 + 12
    if (most > this.#buffer.length) {
      this.#buffer = Buffer.alloc(most * 2)
      this.#views = []
    }
    const buffer = this.#buffer
    let at = key.length
    if (typeof key === 'string') at = buffer.utf8Write(key, 0)
    else buffer.set(key)
    writeTime(buffer, start, at)
    buffer.writeInt32BE(0, at + 8)
    at += 12
    const view = this.#views[at]
    if (view !== undefined) return view
    const fresh = buffer.subarray(0, at)
    this.#views[at] = fresh
    return fresh
  }
}
