import type { Canonical } from './key.ts'
import { TimeIndex } from './time-index.ts'

const chunkBits = 10
const chunkSize = 1 << chunkBits
const chunkMask = chunkSize - 1
const none = -1
/** Places in front of a list that are not worth closing. */
const fewPlaces = 32

/**
 * Rows by key and time, any number with the same key and time, one column a field: a row is a slot, and a key with one row has no list. The rows of a key stand
 * in the order of time, equal times as they came; the rows of each span of time are linked, so that those that expire are found without a look at the others.
 * What was inserted and removed since the last commit is remembered, and a removed row keeps its slot until then: so putting back is doing the same backwards.
 */
export class TimedRows<V> {
  /** Milliseconds of a span. */
  readonly #width: number
  /** The slots of a key. A list begins with the index of its first slot: whoever takes the rows of a key away in order moves none of the others. */
  readonly #lists = new Map<Canonical, number | number[]>()
  /** The row of each span that came last, from which the others are linked. */
  readonly #spans = new TimeIndex()
  readonly #keys: (Canonical | undefined)[][] = []
  readonly #values: (V | undefined)[][] = []
  readonly #times: Float64Array[] = []
  readonly #next: Int32Array[] = []
  readonly #previous: Int32Array[] = []
  readonly #free: number[] = []
  /** Slots that were ever used. */
  #used = 0
  /** Slots inserted since the last commit, and the complements of those removed. */
  #undo: number[] = []
  #found: number | readonly number[] = none
  #foundAt = 0

  constructor(width: number) {
    this.#width = width
  }

  get uncommitted(): number {
    return this.#undo.length
  }

  /** Rows that take room: those removed since the last commit do. */
  get size(): number {
    return this.#used - this.#free.length
  }

  key(slot: number): Canonical {
    return this.#keys[slot >>> chunkBits]![slot & chunkMask]!
  }

  value(slot: number): V {
    return this.#values[slot >>> chunkBits]![slot & chunkMask]!
  }

  time(slot: number): number {
    return this.#times[slot >>> chunkBits]![slot & chunkMask]!
  }

  /** Finds the rows of a key between two times, both inclusive, and returns how many there are. */
  find(key: Canonical, from: number, to: number): number {
    const list = this.#lists.get(key)
    if (list === undefined || from > to) return 0
    this.#found = list
    if (typeof list === 'number') return this.time(list) >= from && this.time(list) <= to ? 1 : 0
    this.#foundAt = this.#place(list, from)
    return this.#place(list, to + 1) - this.#foundAt
  }

  /** The slot of the i-th row that was found last. */
  found(i: number): number {
    return typeof this.#found === 'number' ? this.#found : this.#found[this.#foundAt + i]!
  }

  insert(key: Canonical, time: number, value: V): void {
    this.#undo.push(this.restore(key, time, value))
  }

  /** As `insert`, of what is committed. Returns the slot. */
  restore(key: Canonical, time: number, value: V): number {
    const slot = this.#free.pop() ?? this.#fresh()
    const chunk = slot >>> chunkBits
    const at = slot & chunkMask
    this.#keys[chunk]![at] = key
    this.#values[chunk]![at] = value
    this.#times[chunk]![at] = time
    this.#previous[chunk]![at] = none
    this.#next[chunk]![at] = this.#spans.get(this.#spanOf(time))
    this.#attach(slot)
    return slot
  }

  /** Of rows with the same key and time the last goes first: so they stand in their order again after a rollback. */
  remove(slot: number): void {
    this.#detach(slot)
    this.#undo.push(~slot)
  }

  /** Lets go of a row for good, of what is committed. */
  forget(slot: number): void {
    this.#detach(slot)
    this.#release(slot)
  }

  /** Earliest and latest span, and the earliest from this one on; -1 when there is none. */
  firstSpan(): number {
    return this.#spans.first()
  }

  lastSpan(): number {
    return this.#spans.last()
  }

  nextSpan(span: number): number {
    return this.#spans.next(span)
  }

  /** The slots of a span, as they came. */
  slotsOf(span: number): number[] {
    const slots: number[] = []
    for (let slot = this.#spans.get(span); slot !== none; slot = this.#nextOf(slot)) slots.push(slot)
    return slots.reverse()
  }

  /** Whether a span has more than one row. */
  isShared(span: number): boolean {
    const slot = this.#spans.get(span)
    return slot !== none && this.#nextOf(slot) !== none
  }

  /** Lets go of the spans that lie wholly at or before this time. Only of what is committed. */
  expire(limit: number): void {
    for (let span = this.#spans.first(); span !== none; span = this.#spans.first()) {
      const end = (span + 1) * this.#width
      if (end - 1 > limit) return
      for (let slot = this.#spans.get(span); slot !== none; ) {
        const next = this.#nextOf(slot)
        this.#cut(this.key(slot), slot, end)
        this.#release(slot)
        slot = next
      }
      this.#spans.delete(span)
    }
  }

  /** All slots by key, those of a key in order. */
  *lists(): IterableIterator<readonly [Canonical, readonly number[]]> {
    for (const [key, list] of this.#lists) yield [key, typeof list === 'number' ? [list] : list.slice(list[0])]
  }

  committed(): void {
    for (const done of this.#undo) if (done < 0) this.#release(~done)
    this.#undo.length = 0
  }

  rollback(): void {
    for (let i = this.#undo.length - 1; i >= 0; i--) {
      const done = this.#undo[i]!
      if (done < 0) this.#attach(~done)
      else this.forget(done)
    }
    this.#undo.length = 0
  }

  clear(): void {
    this.#lists.clear()
    this.#spans.clear()
    for (const column of [this.#keys, this.#values, this.#times, this.#next, this.#previous, this.#free, this.#undo]) column.length = 0
    this.#found = none
    this.#used = 0
  }

  #fresh(): number {
    if ((this.#used & chunkMask) === 0) {
      this.#keys.push([])
      this.#values.push([])
      this.#times.push(new Float64Array(chunkSize))
      this.#next.push(new Int32Array(chunkSize))
      this.#previous.push(new Int32Array(chunkSize))
    }
    return this.#used++
  }

  #release(slot: number): void {
    this.#keys[slot >>> chunkBits]![slot & chunkMask] = undefined
    this.#values[slot >>> chunkBits]![slot & chunkMask] = undefined
    this.#free.push(slot)
  }

  #spanOf(time: number): number {
    return this.#width === 1 ? time : Math.floor(time / this.#width)
  }

  #nextOf(slot: number): number {
    return this.#next[slot >>> chunkBits]![slot & chunkMask]!
  }

  /** Puts a row between the neighbours that it remembers, and behind the rows of its key that are not later. */
  #attach(slot: number): void {
    const next = this.#nextOf(slot)
    const previous = this.#previous[slot >>> chunkBits]![slot & chunkMask]!
    if (next !== none) this.#previous[next >>> chunkBits]![next & chunkMask] = slot
    if (previous === none) this.#spans.set(this.#spanOf(this.time(slot)), slot)
    else this.#next[previous >>> chunkBits]![previous & chunkMask] = slot
    const key = this.key(slot)
    const list = this.#lists.get(key)
    if (list === undefined) this.#lists.set(key, slot)
    else if (typeof list === 'number') this.#lists.set(key, this.time(slot) < this.time(list) ? [1, slot, list] : [1, list, slot])
    else {
      const at = this.#place(list, this.time(slot) + 1)
      if (at === list.length) list.push(slot)
      else if (at === list[0] && at > 1) list[--list[0]!] = slot
      else list.splice(at, 0, slot)
    }
  }

  /** Takes a row out; it remembers its neighbours. */
  #detach(slot: number): void {
    const next = this.#nextOf(slot)
    const previous = this.#previous[slot >>> chunkBits]![slot & chunkMask]!
    if (next !== none) this.#previous[next >>> chunkBits]![next & chunkMask] = previous
    if (previous !== none) this.#next[previous >>> chunkBits]![previous & chunkMask] = next
    else if (next !== none) this.#spans.set(this.#spanOf(this.time(slot)), next)
    else this.#spans.delete(this.#spanOf(this.time(slot)))
    const key = this.key(slot)
    const list = this.#lists.get(key)!
    if (typeof list === 'number') this.#lists.delete(key)
    else {
      const at = list.indexOf(slot, this.#place(list, this.time(slot)))
      if (at === list[0]) this.#cutTo(list, at + 1)
      else list.splice(at, 1)
      if (list[0] === list.length - 1) this.#lists.set(key, list.at(-1)!)
    }
  }

  /** Takes the rows before `end` out of a key's list: at the first of them all, at the others none. */
  #cut(key: Canonical, slot: number, end: number): void {
    const list = this.#lists.get(key)
    if (list === slot) this.#lists.delete(key)
    if (typeof list !== 'object') return
    const expired = this.#place(list, end)
    if (expired === list.length) this.#lists.delete(key)
    else if (expired === list.length - 1) this.#lists.set(key, list[expired]!)
    else this.#cutTo(list, expired)
  }

  /** Leaves out what stands before this index in a list. */
  #cutTo(list: number[], first: number): void {
    list[0] = first
    if (first > fewPlaces && first * 2 > list.length) {
      list.splice(1, first - 1)
      list[0] = 1
    }
  }

  /** Where the first row of a list that is not before this time stands, or would. */
  #place(list: readonly number[], time: number): number {
    let low = list[0]!
    let high = list.length
    if (this.time(list[high - 1]!) < time) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.time(list[middle]!) < time) low = middle + 1
      else high = middle
    }
    return low
  }
}
