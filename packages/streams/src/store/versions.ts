import type { Row } from '../contract/store.ts'

/**
 * Versions of one key that are over: each valid from its time up to its end, null a deletion; ascending and apart. Between them, and from the end of the last on, there
 * is no row. A deletion after which nothing is known ends where it begins. One column a field.
 */
export class Versions<V> {
  readonly #from: number[]
  readonly #to: number[]
  readonly #values: (V | null)[]

  /** An own copy of `of`, or none. */
  constructor(of?: Versions<V>) {
    this.#from = of === undefined ? [] : of.#from.slice()
    this.#to = of === undefined ? [] : of.#to.slice()
    this.#values = of === undefined ? [] : of.#values.slice()
  }

  get size(): number {
    return this.#from.length
  }

  asOf(timestamp: number): Row<V> | undefined {
    const at = this.#at(timestamp)
    if (at < 0 || this.#to[at]! <= timestamp) return undefined
    const value = this.#values[at]!
    return value === null ? undefined : { value, timestamp: this.#from[at]! }
  }

  /** Where a version that begins at this time ends, as far as these versions know: infinite when none of them ends later. */
  endOf(timestamp: number): number {
    const at = this.#at(timestamp)
    if (at >= 0 && this.#to[at]! > timestamp) return this.#to[at]!
    return this.#from[at + 1] ?? Number.POSITIVE_INFINITY
  }

  /** Puts a version that ends where {@link endOf} says, or where the latest begins: the one that was valid at `from` ends there now, or is replaced. */
  put(from: number, to: number, value: V | null): void {
    const at = this.#at(from)
    if (at >= 0 && this.#to[at]! > from) {
      if (this.#from[at] === from) {
        this.#values[at] = value
        return
      }
      this.#to[at] = from
    }
    if (at + 1 === this.#from.length) {
      this.#from.push(from)
      this.#to.push(to)
      this.#values.push(value)
      return
    }
    this.#from.splice(at + 1, 0, from)
    this.#to.splice(at + 1, 0, to)
    this.#values.splice(at + 1, 0, value)
  }

  /** Nothing is known after this time: a deletion. */
  endAt(timestamp: number): void {
    if (this.#to.at(-1) !== timestamp) this.put(timestamp, timestamp, null)
  }

  /** Lets go of what ended before `limit`. */
  trim(limit: number): void {
    let over = 0
    while (over < this.#to.length && this.#to[over]! < limit) over++
    if (over === 0) return
    this.#from.splice(0, over)
    this.#to.splice(0, over)
    this.#values.splice(0, over)
  }

  /** Index of the last version that begins at this time or before; -1 when there is none. */
  #at(timestamp: number): number {
    let low = 0
    let high = this.#from.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#from[middle]! <= timestamp) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
