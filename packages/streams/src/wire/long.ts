/** Writes a whole number within ±(2^53-1) as 8 bytes big-endian: byte by byte, which is faster than the checked methods of Buffer. */
export function writeLong(out: Uint8Array, value: number, at: number): void {
  const high = Math.floor(value / 0x1_0000_0000)
  const low = value >>> 0
  out[at] = high >>> 24
  out[at + 1] = high >>> 16
  out[at + 2] = high >>> 8
  out[at + 3] = high
  out[at + 4] = low >>> 24
  out[at + 5] = low >>> 16
  out[at + 6] = low >>> 8
  out[at + 7] = low
}

/** Reads 8 bytes big-endian; beyond ±2^53 the result is not exact. */
export function readLong(bytes: Uint8Array, at: number): number {
  const high = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  const low = (bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!
  return high * 0x1_0000_0000 + (low >>> 0)
}
