/** Of 16 buckets at first, doubled when they are three quarters full. */
const bucketsMin = 16

/**
 * The order in which Java's `HashSet` hands out byte strings: by bucket of their hash, in a bucket as they came. It decides the order of a changelog that Kafka Streams
 * writes from such a set. Buckets only become more, also when the set is emptied.
 */
export class HashSetOrder {
  #buckets = bucketsMin

  /** The places of these keys in that order: bytes as latin1, each once. */
  of(keys: readonly string[]): Float64Array {
    const count = keys.length
    while (count > this.#buckets * 0.75) this.#buckets *= 2
    const mask = this.#buckets - 1
    // Bucket and place in one number: numbers are sorted without a function.
    const places = new Float64Array(count)
    for (let i = 0; i < count; i++) places[i] = (spread(keys[i]!) & mask) * count + i
    places.sort()
    for (let i = 0; i < count; i++) places[i]! %= count
    return places
  }
}

/** Java's `Arrays.hashCode(byte[])` with its upper half mixed into the lower, as `HashMap` does. */
function spread(key: string): number {
  let hash = 1
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + ((key.charCodeAt(i) << 24) >> 24)) | 0
  return hash ^ (hash >>> 16)
}
