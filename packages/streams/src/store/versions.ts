import type { Row } from '../contract/store.ts'
import type { Canonical } from './key.ts'

/** Arrays up to this long are made anew, exactly as long as they must be: most keys have few versions, and growing leaves room for many. */
const few = 16

/** Is told what is done to versions, so that it can be taken back, the last first. */
export interface VersionsUndo<V> {
  inserted(versions: Versions<V>, at: number): void
  replaced(versions: Versions<V>, at: number, before: V | null | undefined): void
}

/**
 * Versions of one key that are over, between ascending times: each valid from one time to the next, null a deletion, undefined where nobody knows of a row. The last time
 * is where they end; alone it is a deletion of which nothing else is known.
 */
export class Versions<V> {
  readonly key: Canonical
  #times: number[] = []
  /** One less than times. */
  #values: (V | null | undefined)[] = []

  constructor(key: Canonical) {
    this.key = key
  }

  /** Nothing is known. */
  get empty(): boolean {
    return this.#times.length === 0
  }

  asOf(timestamp: number): Row<V> | undefined {
    const at = this.#at(timestamp)
    const value = this.#values[at]
    return value === null || value === undefined ? undefined : { value, timestamp: this.#times[at]! }
  }

  /** Where a version that begins at this time ends, as far as these versions know: infinite when none of them ends later. */
  endOf(timestamp: number): number {
    return this.#times[this.#at(timestamp) + 1] ?? Number.POSITIVE_INFINITY
  }

  /** Puts a version that ends where {@link endOf} says, or, after all of these, at `to`. */
  put(from: number, to: number, value: V | null, undo: VersionsUndo<V> | undefined): void {
    this.endAt(from, undo)
    const at = this.#at(from)
    if (at === this.#times.length - 1) this.#insert(at + 1, to, value, undo)
    else if (this.#times[at] !== from) this.#insert(at + 1, from, value, undo)
    else {
      undo?.replaced(this, at, this.#values[at])
      this.#values[at] = value
    }
  }

  /** Nothing is known after this time, if what is known does not reach beyond it. */
  endAt(timestamp: number, undo: VersionsUndo<V> | undefined): void {
    const end = this.#times.at(-1)
    if (end === undefined) {
      this.#times = [timestamp]
      undo?.inserted(this, 0)
    } else if (timestamp > end) this.#insert(this.#times.length, timestamp, undefined, undo)
  }

  /** Takes back that a time and its value were inserted there. */
  remove(at: number): void {
    this.#times.splice(at, 1)
    this.#values.splice(Math.min(at, this.#values.length - 1), 1)
  }

  /** Takes back that a value was replaced. */
  replace(at: number, before: V | null | undefined): void {
    this.#values[at] = before
  }

  /** Lets go of what ended before `limit`. */
  trim(limit: number): void {
    const over = this.#at(limit - 1)
    const ended = over === this.#times.length - 1 ? over + 1 : over
    if (ended <= 0) return
    this.#times = this.#times.slice(ended)
    this.#values = this.#values.slice(ended)
  }

  /** Of a time behind all others, the value is that of the version that ends there; of any other, of the one that begins there. */
  #insert(at: number, time: number, value: V | null | undefined, undo: VersionsUndo<V> | undefined): void {
    const valueAt = Math.min(at, this.#values.length)
    if (this.#times.length <= few) {
      this.#times = this.#times.toSpliced(at, 0, time)
      this.#values = this.#values.toSpliced(valueAt, 0, value)
    } else if (at === this.#times.length) {
      this.#times.push(time)
      this.#values.push(value)
    } else {
      this.#times.splice(at, 0, time)
      this.#values.splice(valueAt, 0, value)
    }
    undo?.inserted(this, at)
  }

  /** Index of the last time that is not beyond this one; -1 when there is none. */
  #at(timestamp: number): number {
    let low = 0
    let high = this.#times.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#times[middle]! <= timestamp) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
