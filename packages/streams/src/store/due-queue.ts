import type { Canonical } from './key.ts'

/** Keys by a time, the earliest first, equal times in the order of the keys: a binary heap in two arrays, so that an entry is no object. */
export class DueQueue {
  readonly #times: number[] = []
  readonly #keys: Canonical[] = []
  readonly #compare: (a: Canonical, b: Canonical) => number

  constructor(compare: (a: Canonical, b: Canonical) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#times.length
  }

  /** Of the first entry; infinite when there is none. */
  get time(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY
  }

  /** Of the first entry. */
  get key(): Canonical {
    return this.#keys[0]!
  }

  push(time: number, key: Canonical): void {
    let at = this.#times.length
    this.#times.push(time)
    this.#keys.push(key)
    while (at > 0) {
      const up = (at - 1) >>> 1
      if (!this.#before(at, up)) break
      this.#swap(at, up)
      at = up
    }
  }

  /** Takes the first entry out. */
  pop(): Canonical {
    const first = this.#keys[0]!
    const time = this.#times.pop()!
    const key = this.#keys.pop()!
    if (this.#times.length === 0) return first
    this.#times[0] = time
    this.#keys[0] = key
    for (let at = 0; ; ) {
      const left = 2 * at + 1
      const right = left + 1
      let least = at
      if (left < this.size && this.#before(left, least)) least = left
      if (right < this.size && this.#before(right, least)) least = right
      if (least === at) return first
      this.#swap(at, least)
      at = least
    }
  }

  #before(a: number, b: number): boolean {
    const difference = this.#times[a]! - this.#times[b]!
    return difference < 0 || (difference === 0 && this.#compare(this.#keys[a]!, this.#keys[b]!) < 0)
  }

  #swap(a: number, b: number): void {
    const time = this.#times[a]!
    this.#times[a] = this.#times[b]!
    this.#times[b] = time
    const key = this.#keys[a]!
    this.#keys[a] = this.#keys[b]!
    this.#keys[b] = key
  }
}
