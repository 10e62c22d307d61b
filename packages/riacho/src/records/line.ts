import { json } from '@riacho/streams'
import type { Headers } from '@riacho/streams/engine'
import { type Form, text } from './forms.ts'

/** What a line says of a record: what it leaves out is for the caller. */
export interface LineRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: Headers
  /** Epoch milliseconds. */
  readonly timestamp?: number
  readonly partition?: number
}

/** Reads a line. Throws when it is no record. */
export type ReadLine = (line: Buffer) => LineRecord

/** The forms of a topic's keys and values. */
export interface Forms {
  readonly key: Form
  readonly value: Form
}

/** A line is a value, or a key and a value with a separator between them; a line without it has no key. */
export function plainLines({ key, value }: Forms, separator: string | undefined): ReadLine {
  if (separator === undefined) return line => ({ key: null, value: value.ofText(line) })
  const length = Buffer.byteLength(separator)
  return line => {
    const at = line.indexOf(separator)
    if (at < 0) return { key: null, value: value.ofText(line) }
    return { key: key.ofText(line.subarray(0, at)), value: value.ofText(line.subarray(at + length)) }
  }
}

const document = json<unknown>()
/** Where a record came from is no part of it. */
const ignored = ['topic', 'offset']
const known = ['key', 'value', 'headers', 'timestamp', 'partition', ...ignored]

/** A line is a document of JSON as `consume` prints it; the value alone must be there. */
export const recordLines =
  ({ key, value }: Forms): ReadLine =>
  line => {
    const read = document.decode(line)
    if (typeof read !== 'object' || read === null || Array.isArray(read)) throw new TypeError('it is no object: write {"value":…}')
    const given = read as Readonly<Record<string, unknown>>
    const stranger = Object.keys(given).find(name => !known.includes(name))
    if (stranger !== undefined) throw new TypeError(`it has '${stranger}': there are ${known.join(', ')}`)
    if (!('value' in given)) throw new TypeError('it has no value: null deletes')
    return {
      key: given.key === undefined || given.key === null ? null : inPart('key', () => key.ofJson(given.key)),
      value: given.value === null ? null : inPart('value', () => value.ofJson(given.value)),
      ...(given.headers !== undefined && { headers: headersOf(given.headers) }),
      ...(given.timestamp !== undefined && { timestamp: timeOf(given.timestamp) }),
      ...(given.partition !== undefined && { partition: partitionIn(given.partition) }),
    }
  }

function inPart<T>(part: string, make: () => T): T {
  try {
    return make()
  } catch (thrown) {
    throw new TypeError(`its ${part}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, { cause: thrown })
  }
}

function headersOf(given: unknown): Headers {
  const pairs = Array.isArray(given) ? given : typeof given === 'object' && given !== null ? Object.entries(given) : undefined
  if (pairs === undefined) throw new TypeError('its headers are no list: write [["name","text"]]')
  return pairs.map((pair: unknown) => {
    const [name, value] = Array.isArray(pair) ? (pair as readonly unknown[]) : []
    if (typeof name !== 'string' || value === undefined) throw new TypeError('a header is no pair: write ["name","text"]')
    return [name, value === null ? null : inPart(`header ${name}`, () => text.ofJson(value))] as const
  })
}

/** Epoch milliseconds of a number or a time as text. Throws when it is neither. */
export function timeOf(given: unknown): number {
  const time = typeof given === 'string' ? Date.parse(given) : given
  if (typeof time === 'number' && Number.isSafeInteger(time) && time >= 0) return time
  throw new TypeError(`'${String(given)}' is no time: give one as 2026-11-21T12:00:00Z, or milliseconds since 1970`)
}

function partitionIn(given: unknown): number {
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= 0) return given
  throw new TypeError(`its partition is ${JSON.stringify(given)}: give a whole number, 0 or more`)
}
