import type { Windowed } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'

/**
 * A windowed key on a topic (Kafka Streams: `TimeWindowedSerializer`): the key's bytes and the window's start in 8 bytes. The size is not in the bytes, so
 * reading needs it (milliseconds).
 */
export function windowedKey<K>(inner: Serde<K>, size: number): Serde<Windowed<K>> & { readonly inner: Serde<K> } {
  return Object.freeze({
    inner,
    passId: `windowed(${inner.passId ?? '?'},${size})`,
    encode: (key: Windowed<K>) => {
      const head = inner.encode(key.key)
      const out = Buffer.allocUnsafe(head.length + 8)
      out.set(head)
      writeTime(out, key.start, head.length)
      return out
    },
    decode: (bytes: Uint8Array) => {
      if (bytes.length < 8) throw new RangeError(`a windowed key has at least 8 bytes, not ${bytes.length}`)
      const start = readTime(bytes, bytes.length - 8)
      return { key: inner.decode(bytes.subarray(0, bytes.length - 8)), start, end: start + size }
    },
  })
}

/** Writes epoch milliseconds as 8 bytes big-endian. */
export function writeTime(out: Buffer, time: number, at: number): void {
  out.writeInt32BE(Math.floor(time / 0x1_0000_0000), at)
  out.writeUInt32BE(time >>> 0, at + 4)
}

/** Reads 8 bytes big-endian as epoch milliseconds. */
export function readTime(bytes: Uint8Array, at: number): number {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset + at, 8)
  return view.readInt32BE(0) * 0x1_0000_0000 + view.readUInt32BE(4)
}
