import type { Windowed } from '@riacho/streams'

/** A key or value that is there: only the case knows its type. */
export type Some = NonNullable<unknown>
/** A key or value. */
export type Datum = Some | null

/** Whether this is the key of a window. */
export const isWindowed = (value: unknown): value is Windowed<unknown> =>
  typeof value === 'object' && value !== null && 'key' in value && 'start' in value && 'end' in value

/** A double that is no integer, as Java prints it: an exponent below 0.001 and from ten millions on. */
function javaDouble(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e-3 && size < 1e7) return String(value)
  const [digits, exponent] = value.toExponential().split('e') as [string, string]
  return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`
}

/** `show` of FORMAT.md section 5: how every function of the corpus turns a value into text. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value).toString() : javaDouble(value)
  if (isWindowed(value)) return `${show(value.key)}@${value.start}/${value.end}`
  return String(value)
}

/** `num` of FORMAT.md section 5: null counts as 0. */
export const num = (value: unknown): number => (value === null || value === undefined ? 0 : Number(value))

/** What a case asks for and Riacho does not have. Its message names the operation. */
export class Missing extends Error {
  override readonly name = 'Missing'
  constructor(what: string) {
    super(`Riacho has no ${what} yet`)
  }
}
