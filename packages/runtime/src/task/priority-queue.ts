/** An input, or a punctuator, as the order between several sees it. */
export interface Timed {
  readonly headTime: number
}

/**
 * Java's `PriorityQueue` by head time. It is copied step by step, because it decides which of several inputs with equal times goes first
 * (Kafka Streams: `PartitionGroup.nonEmptyQueuesByTime`), and which of several punctuators that are due at once (`PunctuationQueue`).
 */
export class InputOrder<T extends Timed> {
  readonly #heap: T[] = []

  get size(): number {
    return this.#heap.length
  }

  peek(): T | undefined {
    return this.#heap[0]
  }

  offer(input: T): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(input)
    while (at > 0) {
      const up = (at - 1) >>> 1
      const parent = heap[up]!
      if (input.headTime >= parent.headTime) break
      heap[at] = parent
      at = up
    }
    heap[at] = input
  }

  poll(): T | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    const half = heap.length >>> 1
    let at = 0
    while (at < half) {
      let child = 2 * at + 1
      if (child + 1 < heap.length && heap[child]!.headTime > heap[child + 1]!.headTime) child++
      if (last.headTime <= heap[child]!.headTime) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}
