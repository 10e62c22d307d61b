import type { Row } from '../contract/store.ts'
import type { Canonical } from './key.ts'

const chunkBits = 12
const chunkSize = 1 << chunkBits
const chunkMask = chunkSize - 1
const firstCapacity = 16

/**
 * Rows by what stands for their key, one column a field: a million rows are a Map, a few chunks and no objects, which is half the memory and a fraction of the
 * collector's work. Chunks never move, so growing copies nothing.
 */
export class Rows<V> {
  readonly #slots = new Map<Canonical, number>()
  readonly #values: (V | undefined)[][] = []
  readonly #timestamps: Float64Array[] = []
  readonly #epochs: Uint32Array[] = []
  /** Slots of deleted rows, to be used again. */
  readonly #free: number[] = []
  #capacity = 0
  /** The key that was looked up last: a write follows its read. */
  #lastKey: Canonical | undefined
  #lastSlot = -1

  get size(): number {
    return this.#slots.size
  }

  /** Where the row lies, or -1. */
  slot(key: Canonical): number {
    if (key === this.#lastKey) return this.#lastSlot
    const slot = this.#slots.get(key)
    if (slot === undefined) return -1
    this.#lastKey = key
    this.#lastSlot = slot
    return slot
  }

  value(slot: number): V {
    return this.#values[slot >>> chunkBits]![slot & chunkMask] as V
  }

  timestamp(slot: number): number {
    return this.#timestamps[slot >>> chunkBits]![slot & chunkMask]!
  }

  /** The commit period in which the row was last written. */
  epoch(slot: number): number {
    return this.#epochs[slot >>> chunkBits]![slot & chunkMask]!
  }

  get(key: Canonical): Row<V> | undefined {
    const slot = this.slot(key)
    return slot < 0 ? undefined : { value: this.value(slot), timestamp: this.timestamp(slot) }
  }

  /** Writes over the row of a slot. */
  write(slot: number, value: V, timestamp: number, epoch: number): void {
    const chunk = slot >>> chunkBits
    const at = slot & chunkMask
    this.#values[chunk]![at] = value
    this.#timestamps[chunk]![at] = timestamp
    this.#epochs[chunk]![at] = epoch
  }

  /** Writes the row of a key, which may be new. */
  set(key: Canonical, value: V, timestamp: number, epoch: number): void {
    const found = this.#slots.get(key)
    if (found !== undefined) {
      this.write(found, value, timestamp, epoch)
      return
    }
    const slot = this.#free.pop() ?? this.#slots.size
    if (slot >= this.#capacity) this.#grow()
    this.#slots.set(key, slot)
    this.write(slot, value, timestamp, epoch)
  }

  delete(key: Canonical): void {
    const slot = this.slot(key)
    if (slot < 0) return
    this.#lastKey = undefined
    this.#values[slot >>> chunkBits]![slot & chunkMask] = undefined
    this.#slots.delete(key)
    this.#free.push(slot)
  }

  clear(): void {
    this.#slots.clear()
    this.#values.length = 0
    this.#timestamps.length = 0
    this.#epochs.length = 0
    this.#free.length = 0
    this.#lastKey = undefined
    this.#capacity = 0
  }

  keys(): IterableIterator<Canonical> {
    return this.#slots.keys()
  }

  *[Symbol.iterator](): IterableIterator<readonly [Canonical, Row<V>]> {
    for (const [key, slot] of this.#slots) yield [key, { value: this.value(slot), timestamp: this.timestamp(slot) }]
  }

  /** One more chunk; the first grows from a few rows to its full size, because most windows have few keys. */
  #grow(): void {
    if (this.#capacity >= chunkSize) {
      this.#values.push([])
      this.#timestamps.push(new Float64Array(chunkSize))
      this.#epochs.push(new Uint32Array(chunkSize))
      this.#capacity += chunkSize
      return
    }
    this.#capacity = Math.max(firstCapacity, this.#capacity * 2)
    const timestamps = new Float64Array(this.#capacity)
    const epochs = new Uint32Array(this.#capacity)
    timestamps.set(this.#timestamps[0] ?? [])
    epochs.set(this.#epochs[0] ?? [])
    this.#values[0] ??= []
    this.#timestamps[0] = timestamps
    this.#epochs[0] = epochs
  }
}
