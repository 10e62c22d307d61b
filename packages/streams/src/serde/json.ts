import { isUtf8 } from 'node:buffer'
import type { Serde } from '../contract/serde.ts'

const shared: Serde<unknown> = Object.freeze({
  passId: 'json',
  encode: (value: unknown) => Buffer.from(stringify(value)),
  decode: (bytes: Uint8Array) => parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength),
  text: stringify,
  decodeAt: parse,
})

/** A JSON document in UTF-8. Other bytes are refused; `undefined`, functions and bigints have no JSON and throw. The type is a claim: check foreign data with `validate`. */
export function json<T>(): Serde<T> {
  return shared as Serde<T>
}

function parse(frame: Buffer, start: number, end: number): unknown {
  const text = frame.utf8Slice(start, end)
  // Bytes that are no UTF-8 become U+FFFD: a changed value would pass for what was sent. Text without one, nearly all, is known to be fine.
  if (text.includes('\ufffd') && !isUtf8(frame.subarray(start, end))) throw new SyntaxError('the bytes are no UTF-8')
  return JSON.parse(text)
}

function stringify(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) throw new TypeError(`a ${typeof value} has no JSON: return null to delete, or another value`)
  return text
}
