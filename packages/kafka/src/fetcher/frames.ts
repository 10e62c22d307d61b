/** A frame that is more than so many times too large is not used: a small answer would hold up a large one. */
const looseness = 4
/** Frames that are kept for later: all of them are looked at. */
const freeMax = 64

/** To one of eight sizes between two powers of two, so that what is a little longer than the last one still fits: answers are often just above a power of two. */
function roundedUp(bytes: number): number {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(bytes)) - 3)
  return (Math.floor(bytes / step) + 1) * step
}

/** Memory into which one answer of a broker is read, shared by the slices in it. */
export class Frame {
  /** As many bytes as were asked for. */
  readonly bytes: Buffer
  readonly #whole: Buffer
  readonly #home: Frames
  #holders = 1

  constructor(home: Frames, whole: Buffer, length: number) {
    this.#home = home
    this.#whole = whole
    this.bytes = whole.subarray(0, length)
  }

  /** One holder more; each of them releases it. */
  hold(): void {
    this.#holders++
  }

  release(): void {
    if (--this.#holders === 0) this.#home.give(this.#whole)
  }
}

/** Frames that are used again when their last slice is given back. */
export class Frames {
  /** Frames in use. */
  lent = 0
  readonly #freeBytesMax: number
  readonly #smallest: number
  #free: Buffer[] = []
  #freeBytes = 0

  /** `freeBytesMax`: most bytes kept for later. `smallest`: bytes that a frame has at least. */
  constructor(freeBytesMax = 64 << 20, smallest = 64 << 10) {
    this.#freeBytesMax = freeBytesMax
    this.#smallest = smallest
  }

  /** A frame with one holder. What is in it is left from its last use. */
  take(bytes: number): Frame {
    this.lent++
    const at = this.#free.findIndex(({ length }) => length >= bytes && (length <= this.#smallest || length <= bytes * looseness))
    if (at < 0) return new Frame(this, Buffer.allocUnsafeSlow(Math.max(this.#smallest, roundedUp(bytes))), bytes)
    const whole = this.#free.splice(at, 1)[0]!
    this.#freeBytes -= whole.length
    return new Frame(this, whole, bytes)
  }

  /** Takes back the memory of a frame that nobody holds. */
  give(whole: Buffer): void {
    this.lent--
    if (this.#free.length === freeMax || this.#freeBytes + whole.length > this.#freeBytesMax) return
    this.#freeBytes += whole.length
    this.#free.push(whole)
  }
}
