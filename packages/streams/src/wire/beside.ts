import type { Headers } from '../contract/record.ts'

/** A record without its place and time. */
export interface RecordBytes {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Headers
}

/**
 * A record that travels in the headers of another one, whose own headers are `main.headers`: each with a name that begins with `prefix`. What both have alike is left out.
 */
export function besideHeaders(prefix: string, record: RecordBytes, main: RecordBytes): Headers {
  return [
    ...(isSame(record.key, main.key) ? [] : [[`${prefix}key`, record.key] as const]),
    ...(isSame(record.value, main.value) ? [] : [[`${prefix}value`, record.value] as const]),
    ...(sameHeaders(record.headers, main.headers)
      ? []
      : [[`${prefix}headers`, null] as const, ...record.headers.map(([name, value]) => [`${prefix}header.${name}`, value] as const)]),
  ]
}

/** The record that travels in `headers`, which hold others, too. */
export function readBeside(prefix: string, headers: Headers, main: RecordBytes): RecordBytes {
  const one = (name: string): Headers[number] | undefined => headers.find(([found]) => found === `${prefix}${name}`)
  const start = `${prefix}header.`
  const own = headers.filter(([name]) => name.startsWith(start)).map(([name, value]) => [name.slice(start.length), value] as const)
  return {
    key: (one('key') ?? ['', main.key])[1],
    value: (one('value') ?? ['', main.value])[1],
    headers: one('headers') === undefined ? main.headers : own,
  }
}

function isSame(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : Buffer.compare(a, b) === 0
}

const sameHeaders = (a: Headers, b: Headers): boolean =>
  a.length === b.length && a.every(([name, value], i) => name === b[i]![0] && isSame(value, b[i]![1]))
