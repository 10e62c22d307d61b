import { isUtf8 } from 'node:buffer'
import type { Headers } from '@riacho/streams/engine'

/** Text where the bytes are text; else the bytes, so that nothing is lost. */
export type Readable = string | { readonly base64: string } | null

/** Bytes as a line of JSON shows them. */
export const readable = (bytes: Uint8Array | null): Readable =>
  bytes === null ? null : isUtf8(bytes) ? Buffer.from(bytes).toString() : { base64: Buffer.from(bytes).toString('base64') }

/** Headers as a line of JSON shows them. */
export const readableHeaders = (headers: Headers): readonly (readonly [string, Readable])[] =>
  headers.map(([name, value]) => [name, readable(value)])
