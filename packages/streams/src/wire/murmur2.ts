const seed = 0x9747b28c
const m = 0x5bd1e995

/** Kafka's hash of key bytes (Java: `Utils.murmur2`), a signed 32-bit number. */
export function murmur2(data: Uint8Array): number {
  const length = data.length
  let h = seed ^ length
  const blocks = length & ~3
  for (let i = 0; i < blocks; i += 4) {
    let k = data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24)
    k = Math.imul(k, m)
    k ^= k >>> 24
    h = Math.imul(h, m) ^ Math.imul(k, m)
  }
  const rest = length & 3
  if (rest === 3) h ^= data[blocks + 2]! << 16
  if (rest >= 2) h ^= data[blocks + 1]! << 8
  if (rest >= 1) h = Math.imul(h ^ data[blocks]!, m)
  h ^= h >>> 13
  h = Math.imul(h, m)
  return h ^ (h >>> 15)
}

/** The partition of a key (Java: `BuiltInPartitioner.partitionForKey`). */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return partitions === 1 ? 0 : (murmur2(key) & 0x7fffffff) % partitions
}
