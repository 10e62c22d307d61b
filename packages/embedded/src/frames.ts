/** Bytes that a reader may look at until `release`. */
export interface Slice {
  readonly frame: Buffer
  readonly start: number
  readonly end: number
  release(): void
}

const smallestFrame = 64 * 1024
const freeBytesMax = 64 * 1024 * 1024

/** The frames that reads go into: used again after their release, or, when poisoned, filled with 0xDB and never used again. */
export class Frames {
  readonly poison: boolean
  /** Slices that are lent and not yet given back. */
  lent = 0
  #free: Buffer[] = []
  #freeBytes = 0

  constructor(poison: boolean) {
    this.poison = poison
  }

  /** A slice of `bytes` bytes in a frame of its own, for `fill` to write. When `fill` throws, nothing is lent. */
  read(bytes: number, fill: (frame: Buffer) => void): Slice {
    const frame = this.#take(bytes)
    fill(frame)
    this.lent++
    return {
      frame,
      start: 0,
      end: bytes,
      release: () => {
        this.lent--
        this.#give(frame)
      },
    }
  }

  /** A slice of memory that stays as it is. */
  view(frame: Buffer, start: number, end: number): Slice {
    this.lent++
    return {
      frame,
      start,
      end,
      release: () => {
        this.lent--
      },
    }
  }

  #take(bytes: number): Buffer {
    const at = this.#free.findIndex(frame => frame.length >= bytes)
    if (at < 0) return Buffer.allocUnsafeSlow(Math.max(smallestFrame, 2 ** Math.ceil(Math.log2(bytes))))
    const frame = this.#free.splice(at, 1)[0]!
    this.#freeBytes -= frame.length
    return frame
  }

  #give(frame: Buffer): void {
    if (this.poison) frame.fill(0xdb)
    else if (this.#freeBytes + frame.length <= freeBytesMax) {
      this.#freeBytes += frame.length
      this.#free.push(frame)
    }
  }
}
