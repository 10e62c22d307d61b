import { writeLong } from './long.ts'

/** Strings up to this long are written by a loop, which beats the call into the engine. */
const shortString = 12

/**
 * A key with a time behind it, written into one buffer that is used again, for callers that copy at once. Views are kept by length, so no record makes one.
 */
export class ScratchKey {
  readonly #tail: number
  #buffer = Buffer.alloc(256)
  #views: Buffer[] = []

  /** `tail`: bytes behind the key; the first 8 are the time, the others are 0. */
  constructor(tail: number) {
    this.#tail = tail
  }

  /** The bytes; valid until the next call. */
  of(key: string | Uint8Array, time: number): Buffer {
    const most = key.length * 3 + this.#tail
    if (most > this.#buffer.length) {
      this.#buffer = Buffer.alloc(most * 2)
      this.#views = []
    }
    const buffer = this.#buffer
    const at = typeof key === 'string' ? this.#text(key) : key.length
    if (typeof key !== 'string') buffer.set(key)
    writeLong(buffer, time, at)
    const end = at + this.#tail
    for (let i = at + 8; i < end; i++) buffer[i] = 0
    const view = this.#views[end]
    if (view !== undefined) return view
    const fresh = buffer.subarray(0, end)
    this.#views[end] = fresh
    return fresh
  }

  #text(key: string): number {
    const buffer = this.#buffer
    if (key.length > shortString) return buffer.utf8Write(key, 0)
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i)
      if (unit > 127) return buffer.utf8Write(key, 0)
      buffer[i] = unit
    }
    return key.length
  }
}
