import type { Serde } from '../contract/serde.ts'

/**
 * A list of values: their number in 4 bytes, then each with its length in 4 bytes. Kafka's `ListSerde` has other strategies and nulls besides, so the two do not read
 * each other.
 */
export function list<T>(item: Serde<T>): Serde<readonly T[]> {
  const prepare = item.prepare?.bind(item)
  return Object.freeze({
    ...(prepare !== undefined && { prepare }),
    encode: (values: readonly T[]) => {
      const parts = values.map(value => item.encode(value))
      const out = Buffer.allocUnsafe(parts.reduce((size, part) => size + 4 + part.length, 4))
      let at = out.writeInt32BE(parts.length, 0)
      for (const part of parts) {
        at = out.writeInt32BE(part.length, at)
        out.set(part, at)
        at += part.length
      }
      return out
    },
    decode: (bytes: Uint8Array) => {
      const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const count = frame.length < 4 ? -1 : frame.readInt32BE(0)
      if (count < 0 || count > (frame.length - 4) / 4) throw new RangeError(`a list of ${frame.length} bytes does not hold ${count} values`)
      const values: T[] = []
      let at = 4
      for (let i = 0; i < count; i++) {
        const size = at + 4 > frame.length ? -1 : frame.readInt32BE(at)
        if (size < 0 || at + 4 + size > frame.length) throw new RangeError('a list whose values are cut short')
        values.push(item.decode(bytes.subarray(at + 4, at + 4 + size)))
        at += 4 + size
      }
      return values
    },
  })
}
