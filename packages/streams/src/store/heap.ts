/**
 * Things of which the least is asked for. What lies there at the first question is sorted once, which costs half of what a heap does; what comes between questions goes
 * into a binary heap beside it.
 */
export class Heap<T> {
  /** The least at the end. */
  #sorted: T[] = []
  readonly #late: T[] = []
  readonly #before: (a: T, b: T) => boolean
  /** Nobody has asked since it was empty: what is late is in no order. */
  #unasked = true

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#sorted.length + this.#late.length
  }

  push(item: T): void {
    this.#late.push(item)
    if (!this.#unasked) this.#up(this.#late.length - 1)
  }

  /** The least item, or undefined when there is none. */
  peek(): T | undefined {
    this.#ask()
    return this.#lateIsLess() ? this.#late[0] : this.#sorted.at(-1)
  }

  /** Takes the least item out. */
  pop(): T | undefined {
    this.#ask()
    const least = this.#lateIsLess() ? this.#popLate() : this.#sorted.pop()
    if (this.size === 0) this.#unasked = true
    return least
  }

  #ask(): void {
    if (!this.#unasked) return
    this.#unasked = false
    this.#sorted = this.#late.splice(0).sort((a, b) => (this.#before(a, b) ? 1 : -1))
  }

  #lateIsLess(): boolean {
    if (this.#late.length === 0) return false
    return this.#sorted.length === 0 || this.#before(this.#late[0]!, this.#sorted.at(-1)!)
  }

  #popLate(): T {
    const least = this.#late[0]!
    const last = this.#late.pop()!
    if (this.#late.length > 0) this.#down(last)
    return least
  }

  #up(from: number): void {
    const items = this.#late
    const item = items[from]!
    let at = from
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!this.#before(item, items[parent]!)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }

  /** Puts an item in the place of the least. */
  #down(item: T): void {
    const items = this.#late
    const half = items.length >>> 1
    let at = 0
    while (at < half) {
      let child = 2 * at + 1
      if (child + 1 < items.length && this.#before(items[child + 1]!, items[child]!)) child++
      if (!this.#before(items[child]!, item)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = item
  }
}
