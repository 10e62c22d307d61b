import type { Serde } from '../contract/serde.ts'
import { readLong, writeLong } from '../wire/long.ts'

/** 8 bytes big-endian (Kafka: `LongSerializer`). Whole numbers within ±(2^53-1); others throw. */
export const int64: Serde<number> = fixed('int64', 8, {
  write(bytes, value) {
    if (!Number.isSafeInteger(value)) throw new RangeError(`int64 wants a whole number within ±(2^53-1), not ${value}`)
    writeLong(bytes, value, 0)
  },
  read(bytes) {
    const value = readLong(bytes, 0)
    if (!Number.isSafeInteger(value)) throw new RangeError('int64 holds a number beyond ±(2^53-1)')
    return value
  },
  canonical: true,
})

/** 4 bytes big-endian (Kafka: `IntegerSerializer`). */
export const int32: Serde<number> = fixed('int32', 4, {
  write(bytes, value) {
    if (value !== (value | 0)) throw new RangeError(`int32 wants a whole number of 32 bits, not ${value}`)
    bytes.writeInt32BE(value, 0)
  },
  read: bytes => bytes.readInt32BE(0),
  canonical: true,
})

/** 8 bytes IEEE 754 big-endian (Kafka: `DoubleSerializer`). */
export const float64: Serde<number> = fixed('float64', 8, {
  write(bytes, value) {
    if (typeof value !== 'number') throw new TypeError(`float64 wants a number, not ${typeof value}`)
    bytes.writeDoubleBE(value, 0)
  },
  read: bytes => bytes.readDoubleBE(0),
})

/** A serde of numbers whose bytes are always as many. */
function fixed(
  name: string,
  size: number,
  form: { write(bytes: Buffer, value: number): void; read(bytes: Buffer): number; canonical?: true },
): Serde<number> {
  const scratch = Buffer.alloc(size)
  return Object.freeze({
    passId: name,
    encode(value: number) {
      const bytes = Buffer.allocUnsafe(size)
      form.write(bytes, value)
      return bytes
    },
    transient(value: number) {
      form.write(scratch, value)
      return scratch
    },
    decode(bytes: Uint8Array) {
      if (bytes.length !== size) throw new RangeError(`${name} wants ${size} bytes, not ${bytes.length}`)
      return form.read(Buffer.from(bytes.buffer, bytes.byteOffset, size))
    },
    ...(form.canonical && { canonical: true as const }),
  })
}
