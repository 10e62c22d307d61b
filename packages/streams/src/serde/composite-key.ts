import type { Serde } from '../contract/serde.ts'

/**
 * A key of several fields: for each field in the order of declaration its length (4 bytes big-endian) and its bytes, so that equal keys have equal
 * bytes, partition and place in a store. A missing field throws; a field that is not declared is ignored.
 */
export function compositeKey<T extends Record<string, unknown>>(fields: { readonly [P in keyof T]: Serde<T[P]> }): Serde<T> {
  const names = Object.keys(fields) as (keyof T & string)[]
  const encode = (value: T): Uint8Array => {
    const parts: Uint8Array[] = []
    let size = 0
    for (const name of names) {
      const field = value[name]
      if (field === null || field === undefined) throw new TypeError(`composite key: field '${name}' is missing`)
      const part = fields[name].encode(field)
      parts.push(part)
      size += 4 + part.length
    }
    const out = Buffer.allocUnsafe(size)
    let at = 0
    for (const part of parts) {
      out.writeInt32BE(part.length, at)
      out.set(part, at + 4)
      at += 4 + part.length
    }
    return out
  }
  const decode = (bytes: Uint8Array): T => {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const out: Record<string, unknown> = {}
    let at = 0
    for (const name of names) {
      const size = at + 4 <= view.length ? view.readInt32BE(at) : -1
      if (size < 0 || at + 4 + size > view.length) throw new RangeError(`composite key: field '${name}' is cut short`)
      out[name] = fields[name].decode(view.subarray(at + 4, at + 4 + size))
      at += 4 + size
    }
    if (at !== view.length) throw new RangeError('composite key: more bytes than fields')
    return out as T
  }
  const notForKeys = names.map(name => fields[name].notForKeys).find(reason => reason !== undefined)
  return Object.freeze({
    encode,
    decode,
    ...(notForKeys !== undefined && { notForKeys }),
    passId: `composite(${names.map(name => `${name}:${fields[name].passId ?? '?'}`).join()})`,
  })
}
