import { createRequire } from 'node:module'
import { type Checksum, crc32c as portable } from '@riacho/streams/engine'

/** The CRC-32C of `bytes` from `start` to `end`: the processor's own instruction where the optional package can be loaded, some four times faster than {@link portable}. */
export const crc32c: Checksum = native() ?? portable

function native(): Checksum | undefined {
  try {
    const loaded = createRequire(import.meta.url)('@node-rs/crc32') as { readonly crc32c: (bytes: Uint8Array) => number }
    return (bytes, start = 0, end = bytes.length) => loaded.crc32c(bytes.subarray(start, end))
  } catch {
    // There is none for this system, or it was not installed.
    return undefined
  }
}
