import type { Frames, Slice } from './frames.ts'

/** A run of whole batches of one partition. In memory or in a file. */
export interface Segment {
  /** Offset of its first batch, or of the first one to come. */
  readonly baseOffset: number
  /** Bytes of whole batches. */
  readonly size: number
  hasRoom(bytes: number): boolean
  /** Adds a whole batch. When it throws, the segment is as it was. */
  append(batch: Buffer): void
  /** Lends `bytes` bytes from `position`. */
  read(position: number, bytes: number): Slice
  close(): void
  /** Closes it and removes what it keeps outside the process. */
  remove(): void
}

/** Where the segments of a partition come from. */
export interface SegmentStore {
  /** A fresh segment with room for `bytes`; `size` is what the partition's last one held. */
  create(baseOffset: number, bytes: number, size: number): Segment
  /** Batches are checked when read, so they need a checksum when written. */
  readonly checked: boolean
}

const smallest = 64 * 1024
const largest = 8 * 1024 * 1024

/** Segments in memory: twice as large as the last one, up to 8 MiB. They never move, so slices of them are lent without a copy. */
export class MemorySegments implements SegmentStore {
  /** Memory does not tear: a checksum would only cost. */
  readonly checked = false
  readonly #frames: Frames

  constructor(frames: Frames) {
    this.#frames = frames
  }

  create(baseOffset: number, bytes: number, size: number): Segment {
    const capacity = Math.min(Math.max(smallest, size * 2), largest)
    return new MemorySegment(baseOffset, Math.max(capacity, bytes), this.#frames)
  }
}

class MemorySegment implements Segment {
  readonly baseOffset: number
  size = 0
  readonly #buffer: Buffer
  readonly #frames: Frames

  constructor(baseOffset: number, capacity: number, frames: Frames) {
    this.baseOffset = baseOffset
    this.#buffer = Buffer.allocUnsafeSlow(capacity)
    this.#frames = frames
  }

  hasRoom(bytes: number): boolean {
    return this.size + bytes <= this.#buffer.length
  }

  append(batch: Buffer): void {
    this.#buffer.set(batch, this.size)
    this.size += batch.length
  }

  read(position: number, bytes: number): Slice {
    if (!this.#frames.poison) return this.#frames.view(this.#buffer, position, position + bytes)
    return this.#frames.read(bytes, frame => this.#buffer.copy(frame, 0, position, position + bytes))
  }

  close(): void {}

  remove(): void {}
}
