/** A change on a table's repartition topic (Kafka Streams: `ChangedSerializer`): the last byte tells the form: 0 old, 1 new, 2 length of new as zigzag varint, new, old. */
export function encodeChange(value: Uint8Array | null, previous: Uint8Array | null): Buffer {
  if (value !== null && previous !== null) {
    const size = varint(value.length)
    return Buffer.concat([size, value, previous, Buffer.of(2)])
  }
  if (value !== null) return Buffer.concat([value, Buffer.of(1)])
  if (previous !== null) return Buffer.concat([previous, Buffer.of(0)])
  throw new TypeError('a change on a topic has a new value, an old value, or both')
}

/** Reads what {@link encodeChange} wrote; the views belong to `bytes`. Forms 3 to 5 (an isLatest byte before the flag) are read too. */
export function decodeChange(bytes: Uint8Array): { value: Uint8Array | null; previous: Uint8Array | null; latest: boolean } {
  const flag = bytes[bytes.length - 1]
  if (flag === undefined || flag > 5) throw new RangeError(`a change ends in 0 to 5, not ${flag}`)
  const extended = flag > 2
  const end = bytes.length - (extended ? 2 : 1)
  const latest = !extended || bytes[end] !== 0
  const form = extended ? flag - 3 : flag
  if (form === 0) return { value: null, previous: bytes.subarray(0, end), latest }
  if (form === 1) return { value: bytes.subarray(0, end), previous: null, latest }
  let at = 0
  let size = 0
  let shift = 0
  let byte = 0
  do {
    byte = bytes[at++]!
    size |= (byte & 127) << shift
    shift += 7
  } while (byte > 127 && at < end)
  size = (size >>> 1) ^ -(size & 1)
  if (size < 0 || at + size > end) throw new RangeError('a change whose new value is cut short')
  return { value: bytes.subarray(at, at + size), previous: bytes.subarray(at + size, end), latest }
}

function varint(n: number): Buffer {
  let left = n * 2
  const out: number[] = []
  while (left > 127) {
    out.push((left % 128) | 128)
    left = Math.floor(left / 128)
  }
  out.push(left)
  return Buffer.from(out)
}
