import type { Row } from '../contract/store.ts'
import type { Canonical } from './key.ts'
import { SortedKeys } from './sorted-keys.ts'
import type { WindowLayout } from './window-layout.ts'

const chunkBits = 10
const chunkSize = 1 << chunkBits
const chunkMask = chunkSize - 1
const none = -1
/** Windows of a key up to which their list has no room to grow: most keys have few, and room would cost more than they do. */
const few = 16
/** Windows of a key from which on they stand in chunks: a list of so many is slow to add to and to take from. */
const many = 512

/** The slots of a key by start: of one window just that. */
type Slots = number | number[] | SortedKeys<number>

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
  readonly #slotsOf = new Map<Canonical, Slots>()
  readonly #compare = (a: number, b: number): number => this.#start(a) - this.#start(b) || a - b
  readonly #byStart = new SortedKeys<number>(this.#compare, [])
  readonly #chunks: Chunk<V>[] = []
  readonly #free: number[] = []
  /** Slots that were ever used. */
  #used = 0
  readonly #undo = new Undo<V>()
  /** The key that was looked up last: several reads and writes of a key come together. */
  #lastKey: Canonical | undefined
  #lastSlots: Slots | undefined

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
    const slot = key === undefined ? this.#byStart.lastBefore(each => this.#start(each) > to) : this.#atOrBefore(key, to)
    if (slot === undefined || slot === none) return undefined
    const start = this.#start(slot)
    return start >= from ? start : undefined
  }

  keysAt(start: number): Canonical[] {
    const keys: Canonical[] = []
    const first = this.#byStart.firstFrom(each => this.#start(each) >= start)
    if (first === undefined) return keys
    for (const slot of this.#byStart.forward(first, each => this.#start(each) === start)) keys.push(this.#key(slot))
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
    const slots = this.#slots(key)
    if (slots === undefined) return none
    if (typeof slots === 'number') return this.#start(slots) >= start ? slots : none
    if (slots instanceof SortedKeys) return slots.firstFrom(each => this.#start(each) >= start) ?? none
    return slots[this.#place(slots, start)] ?? none
  }

  #atOrBefore(key: Canonical, start: number): number {
    const slots = this.#slots(key)
    if (slots === undefined) return none
    if (typeof slots === 'number') return this.#start(slots) <= start ? slots : none
    if (slots instanceof SortedKeys) return slots.lastBefore(each => this.#start(each) > start) ?? none
    return slots[this.#place(slots, start + 1) - 1] ?? none
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
    const chunk = this.#chunks[slot >>> chunkBits]!
    const other = this.#atOrAfter(key, Number.NEGATIVE_INFINITY)
    // Each record brings a string of its own: all rows of a key keep the first one.
    chunk.keys[slot & chunkMask] = other === none ? key : this.#key(other)
    chunk.starts[slot & chunkMask] = start
    this.#byStart.add(slot)
    const slots = this.#slots(key)
    if (slots === undefined) this.#keep(key, slot)
    else if (typeof slots === 'number') this.#keep(key, this.#start(slots) < start ? [slots, slot] : [slot, slots])
    else if (slots instanceof SortedKeys) slots.add(slot)
    else if (slots.length >= many) this.#keep(key, new SortedKeys(this.#compare, [...slots, slot]))
    else if (slots.length < few) this.#keep(key, slots.toSpliced(this.#place(slots, start), 0, slot))
    else slots.splice(this.#place(slots, start), 0, slot)
    return slot
  }

  #remove(slot: number): void {
    const key = this.#key(slot)
    const slots = this.#slots(key)!
    if (typeof slots === 'number') this.#keep(key, undefined)
    else if (slots instanceof SortedKeys) {
      slots.delete(slot)
      if (slots.firstFrom(() => true) === undefined) this.#keep(key, undefined)
    } else if (slots.length === 2) this.#keep(key, slots[0] === slot ? slots[1] : slots[0])
    else slots.splice(this.#place(slots, this.#start(slot)), 1)
    this.#byStart.delete(slot)
    const chunk = this.#chunks[slot >>> chunkBits]!
    chunk.keys[slot & chunkMask] = undefined
    chunk.values[slot & chunkMask] = undefined
    this.#free.push(slot)
  }

  #slots(key: Canonical): Slots | undefined {
    if (key === this.#lastKey) return this.#lastSlots
    this.#lastKey = key
    this.#lastSlots = this.#slotsOf.get(key)
    return this.#lastSlots
  }

  #keep(key: Canonical, slots: Slots | undefined): void {
    if (slots === undefined) this.#slotsOf.delete(key)
    else this.#slotsOf.set(key, slots)
    this.#lastKey = key
    this.#lastSlots = slots
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
