import { float64, int32, int64, type Serde, text, windowedKey } from '@riacho/streams'
import { Missing } from './show.ts'

const plain: Readonly<Record<string, Serde<unknown>>> = {
  string: text as Serde<unknown>,
  long: int64 as Serde<unknown>,
  integer: int32 as Serde<unknown>,
  double: float64 as Serde<unknown>,
}

/** The serde that a case names; without a name, text. */
export function serdeOf(name = 'string'): Serde<unknown> {
  const known = Object.hasOwn(plain, name) ? plain[name] : undefined
  if (known !== undefined) return known
  const windowed = /^timeWindowed:(.+):([0-9]+)$/.exec(name)
  if (windowed === null) throw new Missing(`serde ${name}`)
  return windowedKey(serdeOf(windowed[1]), Number(windowed[2])) as Serde<unknown>
}

/** Bytes of a key or value; null stays null. */
export const encoded = (serde: Serde<unknown>, value: unknown): Uint8Array | null => (value === null ? null : serde.encode(value))
/** Key or value of bytes; null stays null. */
export const decoded = (serde: Serde<unknown>, bytes: Uint8Array | null): unknown => (bytes === null ? null : serde.decode(bytes))
/** Lower case hexadecimal, as the corpus writes bytes. */
export const hexOf = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('hex'))
/** Header values as the corpus writes them in records: UTF-8 text. */
export const textOf = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('utf8'))
