import type { Canonical } from './key.ts'

const chunkBits = 10
const chunkSize = 1 << chunkBits
const chunkMask = chunkSize - 1
/** Most stretches of time in which the sessions of a store lie. */
export const stretchesMax = 4096
const none = -1

/** The columns of some slots. Links are slots, or -1. */
class Chunk<V> {
  readonly starts = new Float64Array(chunkSize)
  readonly ends = new Float64Array(chunkSize)
  readonly epochs = new Uint32Array(chunkSize)
  readonly keys: (Canonical | undefined)[] = []
  readonly values: (V | undefined)[] = []
  /** To the session of the same key that ends next, and to the one that ended before. */
  readonly newer = new Int32Array(chunkSize)
  readonly older = new Int32Array(chunkSize)
  /** To the neighbours among all sessions that end in the same stretch of time, in no order. */
  readonly next = new Int32Array(chunkSize)
  readonly before = new Int32Array(chunkSize)
}

/**
 * Sessions in columns, linked twice: those of a key from the latest end to the earliest, and those of all keys that end in the same stretch of time, so that expiry
 * touches what has expired and a search by end little more than what it finds. A session costs no object, and one that grows keeps its slot.
 */
export class SessionRows<V> {
  /** The session of each key that ends last. */
  readonly #newest = new Map<Canonical, number>()
  readonly #chunks: Chunk<V>[] = []
  readonly #free: number[] = []
  #used = 0
  /** Milliseconds of a stretch. */
  readonly #width: number
  /** A session of each stretch by its number, or -1. */
  readonly #stretches = new Map<number, number>()
  /** Numbers of stretches that have had sessions, ascending. */
  #numbers: number[] = []
  /** The key that is looked at: the Map learns of its newest session when another key's turn comes, since a session that grows comes back to its slot. */
  #key: Canonical | undefined
  #head = none
  #headInMap = none

  /** `retention`: milliseconds in which all the sessions end. */
  constructor(retention: number) {
    this.#width = Math.max(1, Math.ceil(retention / stretchesMax))
  }

  get size(): number {
    return this.#used - this.#free.length
  }

  start(slot: number): number {
    return this.#chunks[slot >>> chunkBits]!.starts[slot & chunkMask]!
  }

  end(slot: number): number {
    return this.#chunks[slot >>> chunkBits]!.ends[slot & chunkMask]!
  }

  /** The commit period in which the session was last written. */
  epoch(slot: number): number {
    return this.#chunks[slot >>> chunkBits]!.epochs[slot & chunkMask]!
  }

  /** Undefined when the slot is free. */
  key(slot: number): Canonical | undefined {
    return this.#chunks[slot >>> chunkBits]!.keys[slot & chunkMask]
  }

  value(slot: number): V {
    return this.#chunks[slot >>> chunkBits]!.values[slot & chunkMask] as V
  }

  /** The session of a key that ends last, or -1. */
  newest(key: Canonical): number {
    if (key !== this.#key) this.#turnTo(key)
    return this.#head
  }

  /** The session of the same key that ended before, or -1. */
  older(slot: number): number {
    return this.#chunks[slot >>> chunkBits]!.older[slot & chunkMask]!
  }

  /** Where the session lies, or -1. */
  slot(key: Canonical, start: number, end: number): number {
    let slot = this.newest(key)
    while (slot !== none && (this.end(slot) !== end || this.start(slot) !== start)) slot = this.end(slot) < end ? none : this.older(slot)
    return slot
  }

  /** Writes over the session of a slot. */
  write(slot: number, value: V, epoch: number): void {
    const chunk = this.#chunks[slot >>> chunkBits]!
    chunk.values[slot & chunkMask] = value
    chunk.epochs[slot & chunkMask] = epoch
  }

  /** Adds a session that is not there. */
  add(key: Canonical, start: number, end: number, value: V, epoch: number): void {
    let newer = none
    let older = this.newest(key)
    while (older !== none && (this.end(older) > end || (this.end(older) === end && this.start(older) < start))) {
      newer = older
      older = this.older(older)
    }
    const slot = this.#free.pop() ?? this.#used++
    if (slot >>> chunkBits === this.#chunks.length) this.#chunks.push(new Chunk())
    const chunk = this.#chunks[slot >>> chunkBits]!
    const at = slot & chunkMask
    chunk.starts[at] = start
    chunk.ends[at] = end
    chunk.keys[at] = key
    chunk.older[at] = older
    chunk.newer[at] = newer
    this.write(slot, value, epoch)
    if (older !== none) this.#chunks[older >>> chunkBits]!.newer[older & chunkMask] = slot
    if (newer === none) this.#head = slot
    else this.#chunks[newer >>> chunkBits]!.older[newer & chunkMask] = slot
    this.#enter(slot, end)
  }

  delete(slot: number): void {
    const chunk = this.#chunks[slot >>> chunkBits]!
    const at = slot & chunkMask
    this.newest(chunk.keys[at]!)
    const newer = chunk.newer[at]!
    const older = chunk.older[at]!
    if (newer === none) this.#head = older
    else this.#chunks[newer >>> chunkBits]!.older[newer & chunkMask] = older
    if (older !== none) this.#chunks[older >>> chunkBits]!.newer[older & chunkMask] = newer
    this.#leave(slot)
    chunk.keys[at] = undefined
    chunk.values[at] = undefined
    chunk.epochs[at] = 0
    this.#free.push(slot)
  }

  /** Slots of all sessions that end in this range, both ends inclusive, in no order. */
  endingIn(earliest: number, latest: number): number[] {
    const first = Math.floor(earliest / this.#width)
    const slots: number[] = []
    for (let i = this.#numbers.length - 1; i >= 0 && this.#numbers[i]! >= first; i--) {
      if (this.#numbers[i]! * this.#width > latest) continue
      for (let slot = this.#stretches.get(this.#numbers[i]!)!; slot !== none; slot = this.#next(slot))
        if (this.end(slot) >= earliest && this.end(slot) <= latest) slots.push(slot)
    }
    return slots
  }

  /** Slots of all sessions written in this commit period. */
  writtenIn(epoch: number): number[] {
    const slots: number[] = []
    for (let slot = 0; slot < this.#used; slot++) if (this.epoch(slot) === epoch) slots.push(slot)
    return slots
  }

  /** Lets go of the stretches that end at `time` or before. */
  expire(time: number): void {
    let expired = 0
    for (; expired < this.#numbers.length && (this.#numbers[expired]! + 1) * this.#width - 1 <= time; expired++) {
      const number = this.#numbers[expired]!
      for (let slot = this.#stretches.get(number)!; slot !== none; slot = this.#stretches.get(number)!) this.delete(slot)
      this.#stretches.delete(number)
    }
    if (expired > 0) this.#numbers = this.#numbers.slice(expired)
  }

  clear(): void {
    this.#newest.clear()
    this.#chunks.length = 0
    this.#free.length = 0
    this.#used = 0
    this.#stretches.clear()
    this.#numbers = []
    this.#key = undefined
    this.#head = this.#headInMap = none
  }

  #turnTo(key: Canonical): void {
    if (this.#head === none && this.#headInMap !== none) this.#newest.delete(this.#key!)
    else if (this.#head !== this.#headInMap) this.#newest.set(this.#key!, this.#head)
    this.#key = key
    this.#head = this.#headInMap = this.#newest.get(key) ?? none
  }

  #next(slot: number): number {
    return this.#chunks[slot >>> chunkBits]!.next[slot & chunkMask]!
  }

  #enter(slot: number, end: number): void {
    const number = Math.floor(end / this.#width)
    const next = this.#stretches.get(number)
    if (next === undefined) this.#open(number)
    const chunk = this.#chunks[slot >>> chunkBits]!
    chunk.before[slot & chunkMask] = none
    chunk.next[slot & chunkMask] = next ?? none
    if (next !== undefined && next !== none) this.#chunks[next >>> chunkBits]!.before[next & chunkMask] = slot
    this.#stretches.set(number, slot)
  }

  #leave(slot: number): void {
    const chunk = this.#chunks[slot >>> chunkBits]!
    const before = chunk.before[slot & chunkMask]!
    const next = chunk.next[slot & chunkMask]!
    if (before === none) this.#stretches.set(Math.floor(this.end(slot) / this.#width), next)
    else this.#chunks[before >>> chunkBits]!.next[before & chunkMask] = next
    if (next !== none) this.#chunks[next >>> chunkBits]!.before[next & chunkMask] = before
  }

  #open(number: number): void {
    let at = this.#numbers.length
    while (at > 0 && this.#numbers[at - 1]! > number) at--
    this.#numbers.splice(at, 0, number)
  }
}
