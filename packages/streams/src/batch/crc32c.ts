/** Sixteen tables of 256 entries: table k advances a byte that lies k bytes before the end of a 16-byte step. */
const T = new Int32Array(16 * 256)
for (let n = 0; n < 256; n++) {
  let c = n
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
  T[n] = c
}
for (let n = 0; n < 256; n++) {
  for (let k = 1; k < 16; k++) {
    const before = T[(k - 1) * 256 + n]!
    T[k * 256 + n] = (before >>> 8) ^ T[before & 255]!
  }
}

/** Computes a CRC-32C of `bytes` from `start` (0) to `end` (their end). */
export type Checksum = (bytes: Uint8Array, start?: number, end?: number) => number

/** The CRC-32C (Castagnoli) of `bytes` from `start` to `end`, unsigned. Kafka's checksum; `zlib.crc32` is another polynomial. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const b = bytes
  let c = -1
  let i = start
  for (const last = end - 15; i < last; i += 16) {
    c ^= b[i]! | (b[i + 1]! << 8) | (b[i + 2]! << 16) | (b[i + 3]! << 24)
    c =
      T[3840 + (c & 255)]! ^
      T[3584 + ((c >>> 8) & 255)]! ^
      T[3328 + ((c >>> 16) & 255)]! ^
      T[3072 + (c >>> 24)]! ^
      T[2816 + b[i + 4]!]! ^
      T[2560 + b[i + 5]!]! ^
      T[2304 + b[i + 6]!]! ^
      T[2048 + b[i + 7]!]! ^
      T[1792 + b[i + 8]!]! ^
      T[1536 + b[i + 9]!]! ^
      T[1280 + b[i + 10]!]! ^
      T[1024 + b[i + 11]!]! ^
      T[768 + b[i + 12]!]! ^
      T[512 + b[i + 13]!]! ^
      T[256 + b[i + 14]!]! ^
      T[b[i + 15]!]!
  }
  for (; i < end; i++) c = T[(c ^ b[i]!) & 255]! ^ (c >>> 8)
  return (c ^ -1) >>> 0
}
