/** Of 16 buckets at first, doubled when they are three quarters full. */
const bucketsMin = 16

/**
 * The order in which Java's `HashSet` hands out byte strings: by bucket of their hash, in a bucket as they came. It decides the order of a changelog that Kafka Streams
 * writes from such a set. Buckets only become more, also when the set is emptied.
 */
export class HashSetOrder {
  #buckets = bucketsMin

  /** Puts bytes, given as latin1 and each once, in that order. */
  of(keys: Iterable<string>): string[] {
    const hashed = Array.from(keys, key => ({ key, hash: spread(key) }))
    while (hashed.length > this.#buckets * 0.75) this.#buckets *= 2
    const mask = this.#buckets - 1
    return hashed.sort((a, b) => (a.hash & mask) - (b.hash & mask)).map(({ key }) => key)
  }
}

/** Java's `Arrays.hashCode(byte[])` with its upper half mixed into the lower, as `HashMap` does. */
function spread(key: string): number {
  let hash = 1
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + ((key.charCodeAt(i) << 24) >> 24)) | 0
  return hash ^ (hash >>> 16)
}
