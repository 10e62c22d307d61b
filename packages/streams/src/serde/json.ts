import type { Serde } from '../contract/serde.ts'

const shared: Serde<unknown> = Object.freeze({
  passId: 'json',
  encode: (value: unknown) => Buffer.from(stringify(value)),
  decode: (bytes: Uint8Array) =>
    JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).utf8Slice(0, bytes.byteLength)) as unknown,
  text: stringify,
  decodeAt: (frame: Buffer, start: number, end: number) => JSON.parse(frame.utf8Slice(start, end)) as unknown,
})

/** A JSON document. `undefined`, functions and bigints have no JSON and throw. The type is a claim: check foreign data with `validate`. */
export function json<T>(): Serde<T> {
  return shared as Serde<T>
}

function stringify(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) throw new TypeError(`a ${typeof value} has no JSON: return null to delete, or another value`)
  return text
}
