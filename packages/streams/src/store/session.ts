import type { Serde } from '../contract/serde.ts'
import type { SessionRow, SessionStore } from '../contract/store.ts'
import type { StoreSpec, StoreTask } from '../contract/task.ts'
import { checkName } from '../plan/node.ts'
import { checkTime } from '../window/windows.ts'
import { readLong } from '../wire/long.ts'
import { SessionScratchKey, sessionTail } from '../wire/session-key.ts'
import { type Canonical, type KeyForm, keyForm, wireOf } from './key.ts'
import type { StoreOptions } from './key-value.ts'
import { SessionRows } from './session-rows.ts'

/** Serdes of a session store, and the milliseconds that a session stays visible after its end. */
export interface SessionStoreOptions<K, V> extends StoreOptions<K, V> {
  readonly retention: number
}

/** Declares a session store in memory with a changelog: the same spec given to two operators is one store. Throws `RIACHO_NAME`, `RIACHO_OPTION`. */
export function sessionStore<K, V>(name: string, options: SessionStoreOptions<K, V>): StoreSpec<SessionStore<K, V>> {
  checkName(name, 'store')
  checkTime('retention', options.retention, 0)
  const spec: StoreSpec<SessionStore<K, V>> = Object.freeze({
    name,
    kind: 'session',
    retention: options.retention,
    rows: { key: options.key as Serde<unknown>, value: options.value as Serde<unknown> },
    create: (task: StoreTask) => task.supply?.(spec, task) ?? new MemorySessionStore(name, options, task),
  })
  return spec
}

const noSessions: readonly never[] = Object.freeze([])

/** Kafka Streams: `InMemorySessionStore` under `ChangeLoggingSessionBytesStore`. */
class MemorySessionStore<K, V> implements SessionStore<K, V> {
  readonly name: string
  readonly #rows: SessionRows<V>
  readonly #undo = new Undone<V>()
  /** The commit period. What was written in it, a rollback deletes. */
  #epoch = 1
  #fresh = 0
  /** Greatest end put so far; what ends at or before it minus the retention is invisible. */
  #time = -1
  #timeCommitted = -1
  readonly #form: KeyForm<K>
  readonly #value: Serde<V>
  readonly #retention: number
  readonly #task: StoreTask
  readonly #scratch = new SessionScratchKey()

  constructor(name: string, options: SessionStoreOptions<K, V>, task: StoreTask) {
    this.name = name
    this.#rows = new SessionRows(options.retention)
    this.#form = keyForm(options.key)
    this.#value = options.value
    this.#retention = options.retention
    this.#task = task
  }

  get size(): number {
    return this.#rows.size
  }

  get uncommitted(): number {
    // A session that grows is deleted and added.
    return Math.max(this.#undo.size, this.#fresh)
  }

  fetchSession(key: K, start: number, end: number): V | undefined {
    if (end <= this.#expired) return undefined
    const slot = this.#rows.slot(this.#form.of(key), start, end)
    return slot < 0 ? undefined : this.#rows.value(slot)
  }

  findSessions(key: K, earliestEnd: number, latestStart: number): readonly SessionRow<V>[] {
    const rows = this.#rows
    const expired = this.#expired
    let found: SessionRow<V>[] | undefined
    for (let slot = rows.newest(this.#form.of(key)); slot >= 0; slot = rows.older(slot)) {
      const end = rows.end(slot)
      if (end < earliestEnd || end <= expired) break
      if (rows.start(slot) > latestStart) continue
      if (found === undefined) found = [this.#row(slot)]
      else found.push(this.#row(slot))
    }
    return found === undefined ? noSessions : found.reverse()
  }

  fetch(key: K): readonly SessionRow<V>[] {
    return this.findSessions(key, 0, Number.MAX_SAFE_INTEGER)
  }

  *findEnded(earliestEnd: number, latestEnd: number): IterableIterator<readonly [K, SessionRow<V>]> {
    const rows = this.#rows
    const earliest = Math.max(earliestEnd, this.#expired + 1)
    for (const slot of this.#ordered(rows.endingIn(earliest, latestEnd))) {
      // Whoever walks may have deleted it, and another may have its place.
      const key = rows.key(slot)
      const end = rows.end(slot)
      if (key !== undefined && end >= earliest && end <= latestEnd) yield [this.#form.back(key), this.#row(slot)]
    }
  }

  entries(): IterableIterator<readonly [K, SessionRow<V>]> {
    return this.findEnded(0, Number.MAX_SAFE_INTEGER)
  }

  put(key: K, start: number, end: number, value: V | null, timestamp: number): boolean {
    const canonical = this.#form.of(key)
    this.#log(canonical, start, end, value, timestamp)
    if (end > this.#time) this.#time = end
    if (end <= this.#expired) {
      this.#task.drop('expired')
      return false
    }
    this.#write(canonical, start, end, value)
    return true
  }

  remove(key: K, start: number, end: number, timestamp: number): void {
    const canonical = this.#form.of(key)
    this.#log(canonical, start, end, null, timestamp)
    this.#write(canonical, start, end, null)
  }

  restore(key: Uint8Array, value: Uint8Array | null): void {
    const at = key.length - sessionTail
    const end = readLong(key, at)
    const start = readLong(key, at + 8)
    const canonical = this.#form.ofBytes(key.subarray(0, at))
    if (end > this.#time) {
      this.#time = end
      this.#rows.expire(this.#expired)
    }
    this.#timeCommitted = this.#time
    if (end <= this.#expired) return
    const slot = this.#rows.slot(canonical, start, end)
    if (value === null) {
      if (slot >= 0) this.#rows.delete(slot)
    } else if (slot >= 0) this.#rows.write(slot, this.#value.decode(value), 0)
    else this.#rows.add(canonical, start, end, this.#value.decode(value), 0)
  }

  committed(): void {
    this.#forget()
    this.#timeCommitted = this.#time
    // Not between commits, because a rollback turns time back.
    this.#rows.expire(this.#expired)
  }

  rollback(): void {
    for (const slot of this.#rows.writtenIn(this.#epoch)) this.#rows.delete(slot)
    this.#undo.each((key, start, end, value) => this.#rows.add(key, start, end, value, 0))
    this.#forget()
    this.#time = this.#timeCommitted
  }

  clear(): void {
    this.#rows.clear()
    this.#forget()
    this.#time = this.#timeCommitted = -1
  }

  /** The latest end that nobody sees any more. */
  get #expired(): number {
    return this.#time - this.#retention
  }

  #forget(): void {
    this.#undo.clear()
    this.#fresh = 0
    this.#epoch++
  }

  #log(key: Canonical, start: number, end: number, value: V | null, timestamp: number): void {
    this.#task.log(this.#scratch.of(this.#form.wire(key), start, end), value === null ? null : wireOf(this.#value, value), timestamp)
  }

  /** Writes or deletes a session; what the last commit holds of it is remembered once. */
  #write(key: Canonical, start: number, end: number, value: V | null): void {
    const rows = this.#rows
    const slot = rows.slot(key, start, end)
    if (slot < 0) {
      if (value === null) return
      rows.add(key, start, end, value, this.#epoch)
      this.#fresh++
      return
    }
    if (rows.epoch(slot) === this.#epoch) this.#fresh--
    else this.#undo.remember(key, start, end, rows.value(slot))
    if (value === null) {
      rows.delete(slot)
      return
    }
    rows.write(slot, value, this.#epoch)
    this.#fresh++
  }

  #row(slot: number): SessionRow<V> {
    return { start: this.#rows.start(slot), end: this.#rows.end(slot), value: this.#rows.value(slot) }
  }

  /** By end, then key in unsigned byte order, then the later start first. Keys are only turned into bytes where ends are equal. */
  #ordered(slots: number[]): readonly number[] {
    const rows = this.#rows
    slots.sort((a, b) => rows.end(a) - rows.end(b))
    for (let from = 0; from < slots.length; ) {
      let to = from + 1
      while (to < slots.length && rows.end(slots[to]!) === rows.end(slots[from]!)) to++
      if (to - from > 1) {
        const same = slots.slice(from, to).map(slot => [this.#form.bytes(rows.key(slot)!), slot] as const)
        same.sort((a, b) => Buffer.compare(a[0], b[0]) || rows.start(b[1]) - rows.start(a[1]))
        for (const [i, [, slot]] of same.entries()) slots[from + i] = slot
      }
      from = to
    }
    return slots
  }
}

/** Sessions of the last commit that were written or deleted since, in arrays, one a field, that are filled again. */
class Undone<V> {
  size = 0
  readonly #keys: Canonical[] = []
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  readonly #values: (V | undefined)[] = []

  remember(key: Canonical, start: number, end: number, value: V): void {
    const at = this.size++
    this.#keys[at] = key
    this.#starts[at] = start
    this.#ends[at] = end
    this.#values[at] = value
  }

  each(call: (key: Canonical, start: number, end: number, value: V) => void): void {
    for (let i = 0; i < this.size; i++) call(this.#keys[i]!, this.#starts[i]!, this.#ends[i]!, this.#values[i] as V)
  }

  /** Lets go of the values, which may be large; the rest is small and is written over. */
  clear(): void {
    this.#values.fill(undefined, 0, this.size)
    this.size = 0
  }
}
