import type { Serde } from '../contract/serde.ts'
import type { Store } from '../contract/store.ts'
import type { StoreSpec, StoreTask } from '../contract/task.ts'
import { checkName } from '../plan/node.ts'
import { type JoinSide, readUnmatchedKey, readUnmatchedList, UnmatchedWriter } from '../wire/outer-join.ts'
import { type Canonical, type KeyForm, keyForm, wireOf } from './key.ts'
import { TimedRows } from './timed-rows.ts'

/** What is done with an unmatched record whose window has closed. */
export type Forward<K> = (side: JoinSide, key: K, value: unknown, time: number) => void

/** The records of both sides of a left or outer stream-stream join that have met no other yet, by time, side and key. Writes are logged with the time `at`. */
export interface UnmatchedStore<K> extends Store {
  add(side: JoinSide, key: Canonical, value: unknown, time: number): void
  /** Forgets the records of one side, key and time, which have met one now. */
  remove(side: JoinSide, key: Canonical, time: number, at: number): void
  /**
   * Hands on and forgets the right records before `right` and the left ones before `left`, in the order of time, side (right first), key and arrival. Returns
   * the time of the last record that Kafka Streams' walk over the store would have looked at, -1 in an empty store.
   */
  release(right: number, left: number, at: number, forward: Forward<K>): number
  /** Records that are kept, those that went since the last commit too. */
  readonly size: number
  /** All records in the same order. */
  entries(): IterableIterator<readonly [key: K, time: number, side: 'left' | 'right', value: unknown]>
}

/** How keys and the values of both sides are written. */
export interface UnmatchedOptions<K> {
  readonly key: Serde<K>
  readonly left: Serde<unknown>
  readonly right: Serde<unknown>
}

/** Declares the store of unmatched records, in memory with a changelog. */
export function unmatchedStore<K>(name: string, options: UnmatchedOptions<K>): StoreSpec<UnmatchedStore<K>> {
  checkName(name, 'store')
  return Object.freeze({ name, kind: 'key-value', create: (task: StoreTask) => new MemoryUnmatchedStore(name, options, task) })
}

/** Kafka Streams: `ListValueStore` over keys of time, side and key. */
class MemoryUnmatchedStore<K> implements UnmatchedStore<K> {
  readonly name: string
  readonly #rows: readonly [right: TimedRows<unknown>, left: TimedRows<unknown>] = [new TimedRows(1), new TimedRows(1)]
  readonly #serdes: readonly [right: Serde<unknown>, left: Serde<unknown>]
  readonly #form: KeyForm<K>
  readonly #task: StoreTask
  readonly #writer = new UnmatchedWriter()

  constructor(name: string, { key, left, right }: UnmatchedOptions<K>, task: StoreTask) {
    this.name = name
    this.#form = keyForm(key)
    this.#serdes = [right, left]
    this.#task = task
  }

  get uncommitted(): number {
    return this.#rows[0].uncommitted + this.#rows[1].uncommitted
  }

  get size(): number {
    return this.#rows[0].size + this.#rows[1].size
  }

  add(side: JoinSide, key: Canonical, value: unknown, time: number): void {
    const rows = this.#rows[side]
    const writer = this.#writer
    const before = rows.find(key, time, time)
    writer.begin(before + 1)
    for (let i = 0; i < before; i++) writer.add(side, wireOf(this.#serdes[side], rows.value(rows.found(i))))
    writer.add(side, wireOf(this.#serdes[side], value))
    this.#task.log(writer.key(time, side, this.#form.wire(key)), writer.list(), time)
    rows.insert(key, time, value)
  }

  remove(side: JoinSide, key: Canonical, time: number, at: number): void {
    const rows = this.#rows[side]
    const waiting = rows.find(key, time, time)
    if (waiting === 0) return
    // The last one first, so that putting back finds the others before it.
    for (let i = waiting - 1; i >= 0; i--) rows.remove(rows.found(i))
    this.#task.log(this.#writer.key(time, side, this.#form.wire(key)), null, at)
  }

  release(right: number, left: number, at: number, forward: Forward<K>): number {
    const [rights, lefts] = this.#rows
    let released = -1
    for (;;) {
      const firstRight = rights.firstSpan()
      const firstLeft = lefts.firstSpan()
      const rightDue = firstRight >= 0 && firstRight < right
      const leftDue = firstLeft >= 0 && firstLeft < left
      if (!rightDue && !leftDue) return this.#lookedAt(released)
      const side = rightDue && (!leftDue || firstRight <= firstLeft) ? 0 : 1
      released = side === 0 ? firstRight : firstLeft
      for (const key of this.#keysOf(side, released)) {
        const waiting = this.#rows[side].find(key, released, released)
        for (let i = 0; i < waiting; i++) {
          forward(side, this.#form.back(key), this.#rows[side].value(this.#rows[side].found(i)), released)
        }
        this.remove(side, key, released, at)
      }
    }
  }

  *entries(): IterableIterator<readonly [key: K, time: number, side: 'left' | 'right', value: unknown]> {
    const [rights, lefts] = this.#rows
    for (let time = earlier(rights.firstSpan(), lefts.firstSpan()); time >= 0; ) {
      for (const side of [0, 1] as const) {
        const rows = this.#rows[side]
        for (const key of this.#keysOf(side, time)) {
          const waiting = rows.find(key, time, time)
          for (let i = 0; i < waiting; i++) yield [this.#form.back(key), time, side === 0 ? 'right' : 'left', rows.value(rows.found(i))]
        }
      }
      time = earlier(rights.nextSpan(time + 1), lefts.nextSpan(time + 1))
    }
  }

  restore(bytes: Uint8Array, value: Uint8Array | null): void {
    const { time, side, key } = readUnmatchedKey(bytes)
    const canonical = this.#form.ofBytes(key)
    const rows = this.#rows[side]
    while (rows.find(canonical, time, time) > 0) rows.forget(rows.found(0))
    for (const raw of value === null ? [] : readUnmatchedList(value)) rows.restore(canonical, time, this.#serdes[side].decode(raw))
  }

  committed(): void {
    for (const rows of this.#rows) rows.committed()
  }

  rollback(): void {
    for (const rows of this.#rows) rows.rollback()
  }

  clear(): void {
    for (const rows of this.#rows) rows.clear()
  }

  /** The keys that have records of this time, each once, in the order of their bytes. */
  #keysOf(side: JoinSide, time: number): readonly Canonical[] {
    const rows = this.#rows[side]
    const slots = rows.slotsOf(time)
    if (slots.length === 1) return [rows.key(slots[0]!)]
    const keys = new Set(slots.map(slot => rows.key(slot)))
    return [...keys].sort(this.#form.compare)
  }

  /**
   * Kafka Streams walks on until it has met a record of each side whose window is open, and then looks at one more; where a side has none it walks to the end.
   */
  #lookedAt(released: number): number {
    const [rights, lefts] = this.#rows
    const right = rights.firstSpan()
    const left = lefts.firstSpan()
    if (right < 0 || left < 0) return Math.max(released, rights.lastSpan(), lefts.lastSpan())
    const [time, side] = left >= right ? ([left, 1] as const) : ([right, 0] as const)
    if (this.#rows[side].isShared(time)) return time
    const after = earlier(this.#rows[side].nextSpan(time + 1), side === 1 ? rights.nextSpan(time + 1) : lefts.nextSpan(time))
    return after < 0 ? time : after
  }
}

/** The earlier of two times, of which -1 is none. */
const earlier = (a: number, b: number): number => (a < 0 ? b : b < 0 ? a : Math.min(a, b))
