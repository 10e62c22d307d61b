import type { Row } from '../contract/store.ts'
import type { Canonical } from './key.ts'
import { SortedKeys } from './sorted-keys.ts'
import type { WindowLayout } from './window-layout.ts'

const chunkBits = 10
const chunkSize = 1 << chunkBits
const chunkMask = chunkSize - 1
const none = -1
/** Windows of a key up to which their list has no room to grow: most keys have few, and room would cost more than they do. */
const fewWindows = 16

/** The columns of some slots. */
class Chunk<V> {
  readonly keys: (Canonical | undefined)[] = []
  readonly starts = new Float64Array(chunkSize)
  readonly values: (V | undefined)[] = []
  readonly timestamps = new Float64Array(chunkSize)
  /** The commit period in which each was last written. */
  readonly epochs = new Uint32Array(chunkSize)
}

/**
 * Rows that nest key → start, one column a field. A row is a slot, which stands in two orders: by start among the rows of its key, and by start among all rows, so that
 * a read by time and expiry touch only what they find.
 */
export class RowsByKey<V> implements WindowLayout<V> {
  /** The slots of each key by start; a key with one row has no list. */
  readonly #lists = new Map<Canonical, number | number[]>()
  readonly #byStart = new SortedKeys<number>((a, b) => this.#start(a) - this.#start(b) || a - b, [])
  readonly #chunks: Chunk<V>[] = []
  readonly #free: number[] = []
  /** Slots that were ever used. */
  #used = 0
  readonly #undo = new Undo<V>()
  /** The key that was looked up last: several reads and writes of a key come together. */
  #lastKey: Canonical | undefined
  #lastList: number | number[] | undefined

  get size(): number {
    return this.#used - this.#free.length
  }

  get uncommitted(): number {
    return this.#undo.size
  }

  get(key: Canonical, start: number): Row<V> | undefined {
    const slot = this.#slot(key, start)
    if (slot === none) return undefined
    const chunk = this.#chunks[slot >>> chunkBits]!
    return { value: chunk.values[slot & chunkMask] as V, timestamp: chunk.timestamps[slot & chunkMask]! }
  }

  write(key: Canonical, start: number, value: V | null, timestamp: number): void {
    const slot = this.#slot(key, start)
    if (slot === none && value === null) return
    const chunk = this.#chunks[slot >>> chunkBits]
    const at = slot & chunkMask
    if (slot === none) this.#undo.remember(key, start, undefined, 0, 0)
    else if (chunk!.epochs[at] !== this.#undo.epoch)
      this.#undo.remember(key, start, chunk!.values[at], chunk!.timestamps[at]!, chunk!.epochs[at]!)
    this.#set(slot, key, start, value, timestamp, this.#undo.epoch)
  }

  restore(key: Canonical, start: number, value: V | null, timestamp: number): void {
    this.#set(this.#slot(key, start), key, start, value, timestamp, 0)
  }

  first(from: number, to: number, key?: Canonical): number | undefined {
    const slot = key === undefined ? this.#byStart.firstFrom(each => this.#start(each) >= from) : this.#atOrAfter(key, from)
    if (slot === undefined || slot === none) return undefined
    const start = this.#start(slot)
    return start <= to ? start : undefined
  }

  last(from: number, to: number, key?: Canonical): number | undefined {
    const slot = key === undefined ? this.#lastOfAll(to) : this.#atOrBefore(key, to)
    if (slot === undefined || slot === none) return undefined
    const start = this.#start(slot)
    return start >= from ? start : undefined
  }

  keysAt(start: number): Canonical[] {
    const keys: Canonical[] = []
    const first = this.#byStart.firstFrom(each => this.#start(each) >= start)
    if (first === undefined) return keys
    for (const slot of this.#byStart.forward(first, each => this.#start(each) === start))
      keys.push(this.#key(slot))
    return keys
  }

  committed(): void {
    this.#undo.forget()
  }

  rollback(): void {
    this.#undo.backwards((key, start, value, timestamp, epoch) =>
      this.#set(this.#slot(key, start), key, start, value ?? null, timestamp, epoch),
    )
    this.#undo.forget()
  }

  expire(limit: number): void {
    for (const slot of this.#byStart.forward(undefined, each => this.#start(each) <= limit)) this.#remove(slot)
  }

  clear(): void {
    this.expire(Number.POSITIVE_INFINITY)
    this.#chunks.length = 0
    this.#free.length = 0
    this.#used = 0
    this.#undo.forget()
  }

  #key(slot: number): Canonical {
    return this.#chunks[slot >>> chunkBits]!.keys[slot & chunkMask]!
  }

  #start(slot: number): number {
    return this.#chunks[slot >>> chunkBits]!.starts[slot & chunkMask]!
  }

  #slot(key: Canonical, start: number): number {
    const slot = this.#atOrAfter(key, start)
    return slot !== none && this.#start(slot) === start ? slot : none
  }

  #atOrAfter(key: Canonical, start: number): number {
    const list = this.#list(key)
    if (typeof list === 'object') return list[this.#place(list, start)] ?? none
    return list !== undefined && this.#start(list) >= start ? list : none
  }

  #atOrBefore(key: Canonical, start: number): number {
    const list = this.#list(key)
    if (typeof list === 'object') return list[this.#place(list, start + 1) - 1] ?? none
    return list !== undefined && this.#start(list) <= start ? list : none
  }

  #lastOfAll(to: number): number | undefined {
    const after = this.#byStart.firstFrom(each => this.#start(each) > to)
    for (const slot of this.#byStart.backward(after, () => true)) if (slot !== after) return slot
    return undefined
  }

  #set(slot: number, key: Canonical, start: number, value: V | null, timestamp: number, epoch: number): void {
    if (value === null) {
      if (slot !== none) this.#remove(slot)
      return
    }
    const to = slot === none ? this.#add(key, start) : slot
    const chunk = this.#chunks[to >>> chunkBits]!
    chunk.values[to & chunkMask] = value
    chunk.timestamps[to & chunkMask] = timestamp
    chunk.epochs[to & chunkMask] = epoch
  }

  #add(key: Canonical, start: number): number {
    const slot = this.#free.pop() ?? this.#used++
    if (slot >>> chunkBits === this.#chunks.length) this.#chunks.push(new Chunk())
    const list = this.#list(key)
    const chunk = this.#chunks[slot >>> chunkBits]!
    // Each record brings a string of its own: all rows of a key keep the first one.
    chunk.keys[slot & chunkMask] = list === undefined ? key : this.#key(typeof list === 'number' ? list : list[0]!)
    chunk.starts[slot & chunkMask] = start
    this.#byStart.add(slot)
    this.#lastKey = undefined
    if (list === undefined) this.#lists.set(key, slot)
    else if (typeof list === 'number') this.#lists.set(key, this.#start(list) < start ? [list, slot] : [slot, list])
    else if (list.length < fewWindows) this.#lists.set(key, list.toSpliced(this.#place(list, start), 0, slot))
    else list.splice(this.#place(list, start), 0, slot)
    return slot
  }

  #remove(slot: number): void {
    const key = this.#key(slot)
    const list = this.#list(key)
    this.#lastKey = undefined
    if (typeof list !== 'object') this.#lists.delete(key)
    else if (list.length === 2) this.#lists.set(key, list[0] === slot ? list[1]! : list[0]!)
    else if (list[0] === slot) list.shift()
    else list.splice(this.#place(list, this.#start(slot)), 1)
    this.#byStart.delete(slot)
    const chunk = this.#chunks[slot >>> chunkBits]!
    chunk.keys[slot & chunkMask] = undefined
    chunk.values[slot & chunkMask] = undefined
    this.#free.push(slot)
  }

  #list(key: Canonical): number | number[] | undefined {
    if (key === this.#lastKey) return this.#lastList
    this.#lastKey = key
    this.#lastList = this.#lists.get(key)
    return this.#lastList
  }

  /** How many rows of a list start before `start`. */
  #place(list: readonly number[], start: number): number {
    let low = 0
    let high = list.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#start(list[middle]!) < start) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Rows as they were before they were written in this commit period, each remembered at its first write. The arrays, one a field, stay and are filled again. */
class Undo<V> {
  size = 0
  epoch = 1
  readonly #keys: Canonical[] = []
  readonly #starts: number[] = []
  readonly #values: (V | undefined)[] = []
  readonly #timestamps: number[] = []
  readonly #epochs: number[] = []

  /** `value` undefined: there was no row. */
  remember(key: Canonical, start: number, value: V | undefined, timestamp: number, epoch: number): void {
    const at = this.size++
    this.#keys[at] = key
    this.#starts[at] = start
    this.#values[at] = value
    this.#timestamps[at] = timestamp
    this.#epochs[at] = epoch
  }

  backwards(each: (key: Canonical, start: number, value: V | undefined, timestamp: number, epoch: number) => void): void {
    for (let i = this.size - 1; i >= 0; i--) each(this.#keys[i]!, this.#starts[i]!, this.#values[i], this.#timestamps[i]!, this.#epochs[i]!)
  }

  forget(): void {
    this.#values.fill(undefined, 0, this.size)
    this.size = 0
    this.epoch++
  }
}
