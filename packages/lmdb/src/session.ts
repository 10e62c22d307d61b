import {
  readLong,
  type Serde,
  type SessionRow,
  SessionScratchKey,
  type SessionStore,
  type StoreTask,
  sessionTail,
  wireOf,
} from '@riacho/streams/engine'
import { innerIn, KeyWriter, numberBytes, numberIn, treeStart, wireKey } from './keys.ts'
import { DiskRows } from './rows.ts'
import type { AgingStoreParts } from './store-parts.ts'

const tree = 1
/** Of all ends, their keys and starts. */
const index = 2
/** Where the end stands in a key of the index, and where the key of the user. */
const endAt = 1
const keyAt = endAt + numberBytes

/** The key of the session for which a key of the index stands. */
const rowOf = (key: string): string =>
  `${treeStart(tree)}${key.slice(keyAt, -numberBytes)}${key.slice(endAt, keyAt)}${key.slice(-numberBytes)}`

/** The start at the end of a key; subtracted, because the negative of 0 is another number. */
const startIn = (key: string): number => 0 - numberIn(key, key.length - numberBytes)

/** Kafka Streams: `RocksDBSessionStore` under a logged store; what is expired is so to the millisecond, as in memory. Sessions lie at key, end and start, and an index by end. */
export class DiskSessionStore<K, V> implements SessionStore<K, V> {
  readonly name: string
  readonly #rows: DiskRows<V>
  /** Greatest end put so far; what ends at or before it minus the retention is invisible. */
  #time = -1
  #timeCommitted = -1
  readonly #key: Serde<K>
  readonly #value: Serde<V>
  readonly #retention: number
  readonly #task: StoreTask
  readonly #writer = new KeyWriter()
  readonly #scratch = new SessionScratchKey()

  constructor({ name, key, value, retention, task, file, memoryBytesMax }: AgingStoreParts<K, V>) {
    this.name = name
    this.#key = key
    this.#value = value
    this.#retention = retention
    this.#task = task
    const over = () => {
      const until = this.#ending(this.#expired + 1)
      const last = until.slice(endAt)
      const includes = (at: string): boolean =>
        (at < treeStart(index) ? at.slice(-2 * numberBytes, -numberBytes) : at.slice(endAt, keyAt)) < last
      return { from: treeStart(index), until, includes, rowOf }
    }
    this.#rows = new DiskRows(file, { value, timed: false, memoryBytesMax, over })
  }

  get size(): number {
    return this.#rows.size / 2
  }

  get uncommitted(): number {
    return this.#rows.uncommitted / 2
  }

  fetchSession(key: K, start: number, end: number): V | undefined {
    return end <= this.#expired ? undefined : this.#rows.get(this.#at(wireKey(this.#key, key), start, end))?.value
  }

  findSessions(key: K, earliestEnd: number, latestStart: number): readonly SessionRow<V>[] {
    const wire = wireKey(this.#key, key)
    const from = this.#at(wire, Number.POSITIVE_INFINITY, Math.max(earliestEnd, this.#expired + 1))
    const until = this.#at(wire, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
    const found: SessionRow<V>[] = []
    for (const [at, { value }] of this.#rows.walk(from, until)) {
      const start = startIn(at)
      if (start <= latestStart) found.push({ start, end: numberIn(at, at.length - 2 * numberBytes), value })
    }
    return found
  }

  fetch(key: K): readonly SessionRow<V>[] {
    return this.findSessions(key, 0, Number.MAX_SAFE_INTEGER)
  }

  *findEnded(earliestEnd: number, latestEnd: number): IterableIterator<readonly [K, SessionRow<V>]> {
    const from = this.#ending(Math.max(earliestEnd, this.#expired + 1))
    for (const at of this.#rows.marks(from, this.#ending(latestEnd + 1))) {
      const row = this.#rows.get(rowOf(at))
      const [start, end] = [startIn(at), numberIn(at, endAt)]
      if (row !== undefined) yield [this.#key.decode(innerIn(at, keyAt, numberBytes)), { start, end, value: row.value }]
    }
  }

  entries(): IterableIterator<readonly [K, SessionRow<V>]> {
    return this.findEnded(0, Number.MAX_SAFE_INTEGER)
  }

  put(key: K, start: number, end: number, value: V | null, timestamp: number): boolean {
    const wire = wireKey(this.#key, key)
    const bytes = this.#log(wire, start, end, value, timestamp)
    if (end > this.#time) this.#time = end
    if (end <= this.#expired) {
      this.#task.drop('expired')
      return false
    }
    this.#write(wire, start, end, value, bytes)
    return true
  }

  remove(key: K, start: number, end: number, timestamp: number): void {
    const wire = wireKey(this.#key, key)
    this.#log(wire, start, end, null, timestamp)
    this.#write(wire, start, end, null, 0)
  }

  restore(key: Uint8Array, value: Uint8Array | null): void {
    const behind = key.length - sessionTail
    const bytes = Buffer.from(key.buffer, key.byteOffset, key.length)
    const end = readLong(bytes, behind)
    const start = readLong(bytes, behind + 8)
    if (end > this.#time) this.#time = end
    this.#timeCommitted = this.#time
    if (end <= this.#expired) return
    const wire = key.subarray(0, behind)
    this.#rows.restore(this.#at(wire, start, end), value === null ? null : this.#value.decode(value), 0, value?.length ?? 0)
    this.#rows.restoreMark(this.#indexed(wire, start, end), value !== null)
  }

  committed(): void {
    this.#timeCommitted = this.#time
    this.#rows.committed()
  }

  rollback(): void {
    this.#rows.rollback()
    this.#time = this.#timeCommitted
  }

  clear(): void {
    this.#rows.clear()
    this.#time = this.#timeCommitted = -1
  }

  close(): void {
    this.#rows.close()
  }

  /** The latest end that nobody sees any more. */
  get #expired(): number {
    return this.#time - this.#retention
  }

  /** Returns the bytes of the value. */
  #log(key: string | Uint8Array, start: number, end: number, value: V | null, timestamp: number): number {
    const raw = value === null ? null : wireOf(this.#value, value)
    this.#task.log(this.#scratch.of(key, start, end), raw, timestamp)
    return raw?.length ?? 0
  }

  #write(key: string | Uint8Array, start: number, end: number, value: V | null, bytes: number): void {
    this.#rows.write(this.#at(key, start, end), value, 0, bytes)
    this.#rows.mark(this.#indexed(key, start, end), value !== null)
  }

  /** Sessions of a key lie by end, of those with the same end the latest start first. */
  #at(key: string | Uint8Array, start: number, end: number): string {
    return this.#writer.begin(tree, key.length).inner(key).number(end).descending(start).done()
  }

  #indexed(key: string | Uint8Array, start: number, end: number): string {
    return this.#writer.begin(index, key.length).number(end).inner(key).descending(start).done()
  }

  /** Before all keys of the index with this end or a later one. */
  #ending(end: number): string {
    return this.#writer.begin(index, 0).number(end).done()
  }
}
