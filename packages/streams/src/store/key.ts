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
  /** Unsigned byte order of what is serialized. */
  compare(a: Canonical, b: Canonical): number
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
      compare:
        text === undefined ? (a, b) => Buffer.compare(serde.encode(a as K), serde.encode(b as K)) : (a, b) => compareUtf8(text(a), text(b)),
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
    // Of latin1 a unit is a byte.
    compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  }
}

/** Compares strings as their UTF-8 bytes compare: as code points, where surrogates come after all other units. */
function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i)
    const right = b.charCodeAt(i)
    if (left !== right) return rank(left) - rank(right)
  }
  return a.length - b.length
}

/** Puts surrogates (D800 to DFFF) behind the units E000 to FFFF. */
const rank = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800)

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
