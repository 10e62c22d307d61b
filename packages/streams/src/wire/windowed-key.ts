import type { Windowed } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { readLong, writeLong } from './long.ts'
import { ScratchKey } from './scratch-key.ts'

/**
 * A windowed key on a topic (Kafka Streams: `TimeWindowedSerializer`): the key's bytes and the window's start in 8 bytes. The size is not in the bytes, so
 * reading needs it (milliseconds).
 */
export function windowedKey<K>(inner: Serde<K>, size: number): Serde<Windowed<K>> & { readonly inner: Serde<K> } {
  const scratch = new ScratchKey(8)
  return Object.freeze({
    inner,
    passId: `windowed(${inner.passId ?? '?'},${size})`,
    encode: (key: Windowed<K>) => {
      const head = inner.encode(key.key)
      const out = Buffer.allocUnsafe(head.length + 8)
      out.set(head)
      writeLong(out, key.start, head.length)
      return out
    },
    transient: (key: Windowed<K>) => scratch.of(inner.text === undefined ? inner.encode(key.key) : inner.text(key.key), key.start),
    decode: (bytes: Uint8Array) => {
      if (bytes.length < 8) throw new RangeError(`a windowed key has at least 8 bytes, not ${bytes.length}`)
      const start = readLong(bytes, bytes.length - 8)
      return { key: inner.decode(bytes.subarray(0, bytes.length - 8)), start, end: start + size }
    },
  })
}
