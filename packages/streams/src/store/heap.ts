/** Things in order: a binary heap that puts nothing in order before somebody asks for the least. */
export class Heap<T> {
  readonly #items: T[] = []
  readonly #before: (a: T, b: T) => boolean
  /** Items that are in order; those behind them were pushed since. */
  #ordered = 0

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** The least item, or undefined when there is none. */
  peek(): T | undefined {
    while (this.#ordered < this.#items.length) this.#up(this.#ordered++)
    return this.#items[0]
  }

  /** Takes the least item out. */
  pop(): T | undefined {
    const least = this.peek()
    const last = this.#items.pop()
    this.#ordered = this.#items.length
    if (this.#ordered > 0) this.#down(last!)
    return least
  }

  #up(from: number): void {
    const items = this.#items
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
    const items = this.#items
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
