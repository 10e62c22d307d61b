import type { Serde } from '../contract/serde.ts'

/** Bytes as they are. What is decoded is a copy, so it may be kept. */
export const bytes: Serde<Uint8Array> = Object.freeze({
  total: true,
  passId: 'bytes',
  encode: (value: Uint8Array) => value,
  decode: (raw: Uint8Array) => Uint8Array.from(raw),
})
