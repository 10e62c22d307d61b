import { readFileSync } from 'node:fs'

/** What Kafka wrote: the vectors of one file of recorded bytes. */
export function vectors<T>(name: string): readonly T[] {
  const file = new URL(`../../../../test/conformance/wire/${name}.json`, import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly vectors: readonly T[] }).vectors
}

/** Bytes of a hexadecimal text. */
export const hex = (text: string): Buffer => Buffer.from(text, 'hex')
