import type { Windowed } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { readLong, writeLong } from './long.ts'
import { ScratchKey } from './scratch-key.ts'

/** Bytes behind the key: the session's end, then its start. */
export const sessionTail = 16

/**
 * The key of a session on a topic (Kafka Streams: `SessionWindowedSerializer`): the key's bytes, the session's end in 8 bytes and its start in 8; both ends belong to
 * the session.
 *
 * @example
 * visits.pipe(count('pages-per-visit', { window: session(minutes(30), { grace: 0 }) }), toStream(), to('visit-sizes', { key: sessionKey(text) }))
 */
export function sessionKey<K>(inner: Serde<K>): Serde<Windowed<K>> & { readonly inner: Serde<K> } {
  const scratch = new SessionScratchKey()
  return Object.freeze({
    inner,
    passId: `session(${inner.passId ?? '?'})`,
    encode: (key: Windowed<K>) => {
      const head = inner.encode(key.key)
      const out = Buffer.allocUnsafe(head.length + sessionTail)
      out.set(head)
      writeLong(out, key.end, head.length)
      writeLong(out, key.start, head.length + 8)
      return out
    },
    transient: (key: Windowed<K>) => scratch.of(inner.text === undefined ? inner.encode(key.key) : inner.text(key.key), key.start, key.end),
    decode: (bytes: Uint8Array) => {
      if (bytes.length < sessionTail) throw new RangeError(`the key of a session has at least ${sessionTail} bytes, not ${bytes.length}`)
      const at = bytes.length - sessionTail
      return { key: inner.decode(bytes.subarray(0, at)), start: readLong(bytes, at + 8), end: readLong(bytes, at) }
    },
  })
}

/** Keys of sessions written into one buffer that is used again, for callers that copy at once. */
export class SessionScratchKey {
  readonly #scratch = new ScratchKey(sessionTail)

  /** The bytes; valid until the next call. */
  of(key: string | Uint8Array, start: number, end: number): Buffer {
    const out = this.#scratch.of(key, end)
    writeLong(out, start, out.length - 8)
    return out
  }
}
