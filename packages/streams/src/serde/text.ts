import type { Serde } from '../contract/serde.ts'

/**
 * UTF-8 text (Kafka: `StringSerializer`). Accepts every byte string: what is not UTF-8 becomes U+FFFD, as in Java. So does half a surrogate pair when it is written, as
 * `slice` may leave of an emoji: as the key of a processor's own store it is another key after a restart.
 */
export const text: Serde<string> = Object.freeze({
  total: true,
  passId: 'text',
  encode: (value: string) => Buffer.from(asText(value)),
  decode: (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).utf8Slice(0, bytes.byteLength),
  text: asText,
  decodeAt: (frame: Buffer, start: number, end: number) => frame.utf8Slice(start, end),
  canonical: true,
})

function asText(value: string): string {
  if (typeof value !== 'string') throw new TypeError(`text wants a string, not ${typeof value}: say the key's or value's serde`)
  return value
}
