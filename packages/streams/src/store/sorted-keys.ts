import type { Canonical } from './key.ts'

/** Keys per chunk at most: small enough to move, large enough that few chunks are searched. */
const chunkMax = 512

/**
 * Keys in order, for reads by range: chunks of sorted arrays, found by bisection. A key costs O(log n + chunk) to add or delete, and a range nothing but its own
 * keys. A store makes one at its first ordered read, so that those who never ask never pay.
 */
export class SortedKeys<T = Canonical> {
  readonly #compare: (a: T, b: T) => number
  #chunks: T[][]

  constructor(compare: (a: T, b: T) => number, keys: Iterable<T>) {
    this.#compare = compare
    const sorted = [...keys].sort(compare)
    this.#chunks = []
    for (let at = 0; at < sorted.length; at += chunkMax / 2) this.#chunks.push(sorted.slice(at, at + chunkMax / 2))
  }

  add(key: T): void {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    if (chunk === undefined) {
      this.#chunks.push([key])
      return
    }
    const place = this.#place(chunk, key)
    if (place < chunk.length && this.#compare(chunk[place]!, key) === 0) return
    chunk.splice(place, 0, key)
    if (chunk.length > chunkMax) this.#chunks.splice(at + 1, 0, chunk.splice(chunkMax / 2))
  }

  delete(key: T): void {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    if (chunk === undefined) return
    const place = this.#place(chunk, key)
    if (place === chunk.length || this.#compare(chunk[place]!, key) !== 0) return
    chunk.splice(place, 1)
    if (chunk.length === 0) this.#chunks.splice(at, 1)
  }

  /** The first key of those that `reached` holds for: it is false for all keys before, and true for all after. */
  firstFrom(reached: (key: T) => boolean): T | undefined {
    const chunk = this.#chunks[placeOf(this.#chunks, each => reached(each.at(-1)!))]
    return chunk?.[placeOf(chunk, reached)]
  }

  /** The last key before those. */
  lastBefore(reached: (key: T) => boolean): T | undefined {
    const chunk = this.#chunks[placeOf(this.#chunks, each => reached(each[0]!)) - 1]
    return chunk?.[placeOf(chunk, reached) - 1]
  }

  /** Keys from `from` on, until `upTo` says that one lies beyond the end. Each step looks anew, so that the store may be written meanwhile. */
  *forward(from: T | undefined, upTo: (key: T) => boolean): IterableIterator<T> {
    let key = from === undefined ? this.#chunks[0]?.[0] : this.#atOrAfter(from)
    while (key !== undefined && upTo(key)) {
      yield key
      key = this.#after(key)
    }
  }

  /** Keys from `from` (or the last one) down to the first, while `downTo` says so. */
  *backward(from: T | undefined, downTo: (key: T) => boolean): IterableIterator<T> {
    let key = from === undefined ? this.#chunks.at(-1)?.at(-1) : this.#atOrBefore(from)
    while (key !== undefined && downTo(key)) {
      yield key
      key = this.#before(key)
    }
  }

  #atOrAfter(key: T): T | undefined {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    if (chunk === undefined) return undefined
    return chunk[this.#place(chunk, key)] ?? this.#chunks[at + 1]?.[0]
  }

  #atOrBefore(key: T): T | undefined {
    const found = this.#atOrAfter(key)
    return found !== undefined && this.#compare(found, key) === 0 ? found : this.#before(key)
  }

  #after(key: T): T | undefined {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    if (chunk === undefined) return undefined
    const place = this.#place(chunk, key)
    const same = place < chunk.length && this.#compare(chunk[place]!, key) === 0
    return chunk[same ? place + 1 : place] ?? this.#chunks[at + 1]?.[0]
  }

  #before(key: T): T | undefined {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    if (chunk === undefined) return undefined
    return chunk[this.#place(chunk, key) - 1] ?? this.#chunks[at - 1]?.at(-1)
  }

  /** The last chunk that begins at or before the key, or the first. */
  #chunkOf(key: T): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(this.#chunks[middle]![0]!, key) <= 0) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  /** Where the key is or would be in a chunk. */
  #place(chunk: readonly T[], key: T): number {
    let low = 0
    let high = chunk.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(chunk[middle]!, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Where the first of a list stands that `reached` holds for: it is false for all before, and true for all after. */
function placeOf<T>(list: readonly T[], reached: (each: T) => boolean): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (reached(list[middle]!)) high = middle
    else low = middle + 1
  }
  return low
}
