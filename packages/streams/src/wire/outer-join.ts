import { readLong, writeLong } from './long.ts'

/** The side of a stream-stream join that a record came from, as it is written: 0 right, 1 left. */
export type JoinSide = 0 | 1

/** Time and side before the key's bytes. */
const keyHead = 9
/** Every list of values that differ in length begins with this byte. */
const uneven = 1

/**
 * Writes the rows of a store of unmatched records (Kafka Streams: `TimestampedKeyAndJoinSideSerializer`, and a list of `LeftOrRightValueSerializer`) into
 * buffers that are used again, for callers that copy at once.
 */
export class UnmatchedWriter {
  #key = Buffer.alloc(256)
  #list = Buffer.alloc(1024)
  #end = 0

  /** Time in 8 bytes, side, key. Valid until the next call. */
  key(time: number, side: JoinSide, key: string | Uint8Array): Buffer {
    const most = keyHead + key.length * 3
    if (most > this.#key.length) this.#key = Buffer.alloc(most * 2)
    writeLong(this.#key, time, 0)
    this.#key[8] = side
    return this.#key.subarray(0, keyHead + write(this.#key, key, keyHead))
  }

  /** Begins a list of so many values. */
  begin(count: number): void {
    this.#list[0] = uneven
    this.#end = this.#list.writeInt32BE(count, 1)
  }

  /** Adds a value to the list: its length, its side, its bytes. */
  add(side: JoinSide, value: string | Uint8Array): void {
    const most = this.#end + 5 + value.length * 3
    if (most > this.#list.length) this.#list = Buffer.concat([this.#list.subarray(0, this.#end)], most * 2)
    const length = 1 + write(this.#list, value, this.#end + 5)
    this.#list.writeInt32BE(length, this.#end)
    this.#list[this.#end + 4] = side
    this.#end += 4 + length
  }

  /** The list. Valid until the next one begins. */
  list(): Buffer {
    return this.#list.subarray(0, this.#end)
  }
}

/** Returns how many bytes it wrote. */
function write(out: Buffer, what: string | Uint8Array, at: number): number {
  if (typeof what === 'string') return out.utf8Write(what, at)
  out.set(what, at)
  return what.length
}

/** Reads the key of a row. */
export function readUnmatchedKey(bytes: Uint8Array): { readonly time: number; readonly side: JoinSide; readonly key: Uint8Array } {
  if (bytes.length < keyHead) throw new RangeError(`the key of an unmatched record has at least ${keyHead} bytes, not ${bytes.length}`)
  return { time: readLong(bytes, 0), side: bytes[8] === 1 ? 1 : 0, key: bytes.subarray(keyHead) }
}

/** Reads the values of a row, without their sides, which is that of the key. */
export function readUnmatchedList(bytes: Uint8Array): Uint8Array[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view[0] !== uneven) throw new RangeError(`a list of unmatched values begins with ${uneven}, not ${view[0]}`)
  const values: Uint8Array[] = []
  let at = 5
  for (let left = view.readInt32BE(1); left > 0; left--) {
    const end = at + 4 + view.readInt32BE(at)
    if (end < at + 5 || end > view.length) throw new RangeError('a list of unmatched values is torn')
    values.push(view.subarray(at + 5, end))
    at = end
  }
  return values
}
