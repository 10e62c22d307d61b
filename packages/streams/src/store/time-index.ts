/**
 * One number for each time, the times in order. A time that goes leaves a hole behind, which is closed when it is met or when there are many: so adding at the
 * end, taking from either end and deleting anywhere cost the same however many times there are.
 */
export class TimeIndex {
  readonly #numbers = new Map<number, number>()
  /** Ascending from `#head` on; those without a number are holes. */
  #times: number[] = []
  #head = 0
  #holes = 0

  /** The number of a time, or -1. */
  get(time: number): number {
    return this.#numbers.get(time) ?? -1
  }

  set(time: number, number: number): void {
    const before = this.#numbers.size
    this.#numbers.set(time, number)
    if (this.#numbers.size === before) return
    const at = this.#from(time)
    if (this.#times[at] === time) this.#holes--
    else if (at === this.#head && at > 0) this.#times[--this.#head] = time
    else if (at === this.#times.length) this.#times.push(time)
    else this.#times.splice(at, 0, time)
  }

  delete(time: number): void {
    if (!this.#numbers.delete(time)) return
    this.#holes++
    if (this.#holes > fewHoles && this.#holes * 2 > this.#times.length - this.#head) this.#close()
  }

  /** The earliest time, or -1. */
  first(): number {
    while (this.#isHole(this.#head)) {
      this.#head++
      this.#holes--
    }
    if (this.#head > fewHoles && this.#head * 2 > this.#times.length) {
      this.#times = this.#times.slice(this.#head)
      this.#head = 0
    }
    return this.#times[this.#head] ?? -1
  }

  /** The latest time, or -1. */
  last(): number {
    while (this.#isHole(this.#times.length - 1)) {
      this.#times.pop()
      this.#holes--
    }
    return this.#times.length === this.#head ? -1 : this.#times[this.#times.length - 1]!
  }

  /** The earliest time from this one on, or -1. */
  next(time: number): number {
    let at = this.#from(time)
    while (this.#isHole(at)) at++
    return this.#times[at] ?? -1
  }

  clear(): void {
    this.#numbers.clear()
    this.#times = []
    this.#head = this.#holes = 0
  }

  #isHole(at: number): boolean {
    return at >= this.#head && at < this.#times.length && !this.#numbers.has(this.#times[at]!)
  }

  #close(): void {
    this.#times = this.#times.slice(this.#head).filter(time => this.#numbers.has(time))
    this.#head = this.#holes = 0
  }

  /** Where the first time that is not before this one stands, or would. */
  #from(time: number): number {
    let low = this.#head
    let high = this.#times.length
    if (high > low && this.#times[high - 1]! < time) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#times[middle]! < time) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Holes that are not worth closing. */
const fewHoles = 32
