import type { Serde } from '../contract/serde.ts'

/** What stands for a key inside a store: the key itself when it is a string or an exact integer, else its bytes as latin1. */
export type Canonical = string | number

/** Turns keys into what stands for them, and back. */
export interface KeyForm<K> {
  of(key: K): Canonical
  ofBytes(bytes: Uint8Array): Canonical
  back(canonical: Canonical): K
  bytes(canonical: Canonical): Uint8Array
  /** As the changelog writer takes it. */
  wire(canonical: Canonical): string | Uint8Array
}

/** The key form of a serde. */
export function keyForm<K>(serde: Serde<K>): KeyForm<K> {
  if (serde.canonical) {
    const text = serde.text?.bind(serde) as ((value: unknown) => string) | undefined
    return {
      of: key => key as Canonical,
      ofBytes: raw => serde.decode(raw) as Canonical,
      back: canonical => canonical as K,
      bytes: canonical => serde.encode(canonical as K),
      wire: canonical => (text === undefined ? serde.encode(canonical as K) : text(canonical)),
    }
  }
  const bytes = (canonical: Canonical): Uint8Array => Buffer.from(canonical as string, 'latin1')
  const ofBytes = (raw: Uint8Array): Canonical => Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).latin1Slice(0, raw.byteLength)
  return {
    of: key => ofBytes(serde.encode(key)),
    ofBytes,
    back: canonical => serde.decode(bytes(canonical)),
    bytes,
    wire: bytes,
  }
}

/** Pairs with their keys' bytes, in unsigned byte order. */
export function inByteOrder<K, T>(form: KeyForm<K>, rows: Iterable<readonly [Canonical, T]>): (readonly [Canonical, T])[] {
  return Array.from(rows, row => [form.bytes(row[0]), row] as const)
    .sort((a, b) => Buffer.compare(a[0], b[0]))
    .map(pair => pair[1])
}

/** A value as a writer takes it that copies at once. */
export function wireOf<V>(serde: Serde<V>, value: V): string | Uint8Array {
  if (serde.text !== undefined) return serde.text(value)
  return serde.transient === undefined ? serde.encode(value) : serde.transient(value)
}
