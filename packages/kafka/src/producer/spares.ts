import { BatchEncoder } from '@riacho/streams/engine'

/** Most bytes that are kept for later: twice what a producer of Java buffers, and keeps (`buffer.memory`). */
const spareBytesMax = 64 << 20

/** Memory of batches that are acknowledged, for those that begin, of all producers of a client: what is allocated anew for each batch costs more than what is written into it. */
export class Spares {
  readonly #free: BatchEncoder[] = []
  #bytes = 0

  /** One that can hold so many bytes, or at least half of them: it grows once, and stays large. */
  take(capacity: number): BatchEncoder {
    const free = this.#free.pop()
    if (free === undefined) return new BatchEncoder(capacity)
    this.#bytes -= free.capacity
    return free.capacity * 2 < capacity ? new BatchEncoder(capacity) : free
  }

  /** Call it when nobody reads what it has finished. */
  give(encoder: BatchEncoder): void {
    if (this.#bytes + encoder.capacity > spareBytesMax) return
    this.#bytes += encoder.capacity
    this.#free.push(encoder)
  }
}
