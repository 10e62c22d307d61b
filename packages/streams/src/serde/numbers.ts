import type { Serde } from '../contract/serde.ts'

/** 8 bytes big-endian (Kafka: `LongSerializer`). Whole numbers within ±(2^53-1); others throw. */
export const int64: Serde<number> = Object.freeze({
  passId: 'int64',
  encode(value: number) {
    if (!Number.isSafeInteger(value)) throw new RangeError(`int64 wants a whole number within ±(2^53-1), not ${value}`)
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeInt32BE(Math.floor(value / 0x1_0000_0000), 0)
    bytes.writeUInt32BE(value >>> 0, 4)
    return bytes
  },
  decode(bytes: Uint8Array) {
    sized(bytes, 8, 'int64')
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, 8)
    const value = view.readInt32BE(0) * 0x1_0000_0000 + view.readUInt32BE(4)
    if (!Number.isSafeInteger(value)) throw new RangeError('int64 holds a number beyond ±(2^53-1)')
    return value
  },
  canonical: true,
})

/** 4 bytes big-endian (Kafka: `IntegerSerializer`). */
export const int32: Serde<number> = Object.freeze({
  passId: 'int32',
  encode(value: number) {
    if (value !== (value | 0)) throw new RangeError(`int32 wants a whole number of 32 bits, not ${value}`)
    const bytes = Buffer.allocUnsafe(4)
    bytes.writeInt32BE(value, 0)
    return bytes
  },
  decode(bytes: Uint8Array) {
    sized(bytes, 4, 'int32')
    return Buffer.from(bytes.buffer, bytes.byteOffset, 4).readInt32BE(0)
  },
  canonical: true,
})

/** 8 bytes IEEE 754 big-endian (Kafka: `DoubleSerializer`). */
export const float64: Serde<number> = Object.freeze({
  passId: 'float64',
  encode(value: number) {
    if (typeof value !== 'number') throw new TypeError(`float64 wants a number, not ${typeof value}`)
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeDoubleBE(value, 0)
    return bytes
  },
  decode(bytes: Uint8Array) {
    sized(bytes, 8, 'float64')
    return Buffer.from(bytes.buffer, bytes.byteOffset, 8).readDoubleBE(0)
  },
})

function sized(bytes: Uint8Array, size: number, name: string): void {
  if (bytes.length !== size) throw new RangeError(`${name} wants ${size} bytes, not ${bytes.length}`)
}
