import type { Serde } from '@riacho/streams/engine'
import { failure } from './errors.ts'
import { keyBytesMax } from './file.ts'

/**
 * Writes keys of a file: strings of which a unit is a byte, so that they compare as their bytes do. The first byte is the tree: an index of the same rows stands in
 * another one. Numbers keep their order, and a key that has something behind it ends before all that begin with it.
 */
export class KeyWriter {
  #buffer = Buffer.alloc(512)
  #end = 0

  /** Begins a key in this tree; `length`: of the user's key in it. */
  begin(tree: number, length: number): this {
    // In UTF-8 a unit has 3 bytes at most, escaped each may be two; two numbers and the tree.
    const most = length * 6 + 32
    if (most > this.#buffer.length) this.#buffer = Buffer.alloc(most)
    this.#buffer[0] = tree
    this.#end = 1
    return this
  }

  /** A whole number; what is beyond ±2^53 is that. */
  number(value: number): this {
    const whole = Math.max(-bound, Math.min(bound, value))
    const high = Math.floor(whole / 0x1_0000_0000)
    // With the sign turned over, negative ones come first.
    this.#buffer.writeInt32BE(high ^ sign, this.#end)
    this.#buffer.writeUInt32BE(whole - high * 0x1_0000_0000, this.#end + 4)
    this.#end += numberBytes
    return this
  }

  /** A whole number, the greatest first. */
  descending(value: number): this {
    return this.number(-value)
  }

  /** A key with nothing behind it. */
  last(key: string | Uint8Array): this {
    this.#end += this.#write(key, this.#end)
    return this
  }

  /** A key with something behind it: a zero has 255 behind it, the end is 0 and 1. */
  inner(key: string | Uint8Array): this {
    const buffer = this.#buffer
    const from = this.#end
    const length = this.#write(key, from)
    let zeros = 0
    for (let i = 0; i < length; i++) if (buffer[from + i] === 0) zeros++
    let to = from + length + zeros
    this.#end = to + 2
    buffer[to] = 0
    buffer[to + 1] = 1
    for (let i = from + length - 1; zeros > 0; i--) {
      const byte = buffer[i]!
      if (byte === 0) {
        buffer[--to] = 255
        zeros--
      }
      buffer[--to] = byte
    }
    return this
  }

  /** The key. Throws `RIACHO_STORE_KEY` when it is too long. */
  done(): string {
    if (this.#end > keyBytesMax) {
      const advice = 'use shorter keys, or keep this application’s state in memory'
      throw failure(
        'RIACHO_STORE_KEY',
        `a key of ${this.#end} bytes: a store on disk takes ${keyBytesMax} with the key's window: ${advice}`,
      )
    }
    return this.#buffer.latin1Slice(0, this.#end)
  }

  #write(key: string | Uint8Array, at: number): number {
    if (typeof key === 'string') return this.#buffer.utf8Write(key, at)
    this.#buffer.set(key, at)
    return key.length
  }
}

/** Bytes of a number. */
export const numberBytes = 8
const bound = 2 ** 53
const sign = -(2 ** 31)

/** The number that stands in a key. */
export function numberIn(key: string, at: number): number {
  const byte = (i: number): number => key.charCodeAt(at + i)
  const high = ((byte(0) << 24) | (byte(1) << 16) | (byte(2) << 8) | byte(3)) ^ sign
  const low = ((byte(4) << 24) | (byte(5) << 16) | (byte(6) << 8) | byte(7)) >>> 0
  return high * 0x1_0000_0000 + low
}

/** The key of a user that ends a key, from `at` on. */
export const lastIn = (key: string, at: number): Buffer => Buffer.from(key.slice(at), 'latin1')

/** The key of a user that stands between `at` and what is behind it. */
export const innerIn = (key: string, at: number, behind: number): Buffer =>
  Buffer.from(key.slice(at, key.length - behind - 2).replaceAll('\0\xff', '\0'), 'latin1')

/** The key of a user as its changelog has it. */
export const wireKey = <K>(serde: Serde<K>, key: K): string | Uint8Array => (serde.text === undefined ? serde.encode(key) : serde.text(key))

/** Before all keys of a tree. */
export const treeStart = (tree: number): string => String.fromCharCode(tree)

/** Behind all keys of a tree. */
export const treeEnd = (tree: number): string => String.fromCharCode(tree + 1)
