import { float64, int32, int64, type Serde, sessionKey, text, windowedKey } from '@riacho/streams'
import { type Datum, Missing, type Some } from './show.ts'

const plain: Readonly<Record<string, Serde<Some>>> = {
  string: text as Serde<Some>,
  long: int64 as Serde<Some>,
  integer: int32 as Serde<Some>,
  double: float64 as Serde<Some>,
}

const sessionWindowed = 'sessionWindowed:'

/** The serde that a case names; without a name, text. */
export function serdeOf(name = 'string'): Serde<Some> {
  const known = Object.hasOwn(plain, name) ? plain[name] : undefined
  if (known !== undefined) return known
  if (name.startsWith(sessionWindowed)) return sessionKey(serdeOf(name.slice(sessionWindowed.length))) as Serde<Some>
  const windowed = /^timeWindowed:(.+):([0-9]+)$/.exec(name)
  if (windowed === null) throw new Missing(`serde ${name}`)
  return windowedKey(serdeOf(windowed[1]), Number(windowed[2])) as Serde<Some>
}

/** Bytes of a key or value; null stays null. */
export const encoded = (serde: Serde<Some>, value: Datum): Uint8Array | null => (value === null ? null : serde.encode(value))
/** Key or value of bytes; null stays null. */
export const decoded = (serde: Serde<Some>, bytes: Uint8Array | null): Datum => (bytes === null ? null : serde.decode(bytes))
/** Lower case hexadecimal, as the corpus writes bytes. */
export const hexOf = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('hex'))
/** Header values as the corpus writes them in records: UTF-8 text. */
export const textOf = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('utf8'))
