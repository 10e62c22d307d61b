import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { compressionsAlgorithms, compressionsAlgorithmsByBitmask } from '@platformatic/kafka'
import { batchField, type Decompress, headerBytes, lengthOverhead } from '@riacho/streams/engine'
import { crc32c } from './crc32c.ts'
import { KafkaError } from './errors.ts'

/** How batches are compressed. */
export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** Every {@link Codec}. */
export const codecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** Most bytes that the records of one batch may take: few bytes can claim to be very many. */
const recordBytesMax = 256 << 20

/** Gives the records of a compressed batch. */
export const decompress: Decompress = (codec, frame, start, end) => {
  const algorithm = compressionsAlgorithmsByBitmask[codec]
  if (algorithm === undefined) throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', `codec ${codec} is none of gzip, snappy, lz4 and zstd`)
  const bytes = frame.subarray(start, end)
  try {
    if (codec === compressionsAlgorithms.gzip.bitmask) return gunzipSync(bytes, { maxOutputLength: recordBytesMax })
    if (codec === compressionsAlgorithms.zstd.bitmask) return zstdDecompressSync(bytes, { maxOutputLength: recordBytesMax })
    // LZ4 makes at most 255 bytes of one, and a message of Snappy begins with its length.
    if (codec === compressionsAlgorithms.snappy.bitmask) checkSnappy(bytes)
    return algorithm.decompressSync(bytes)
  } catch (cause) {
    throw new KafkaError('CORRUPT_MESSAGE', `a batch cannot be decompressed (codec ${codec})`, { cause, retriable: false })
  }
}

/** Java writes blocks of 32 KiB with their own lengths, behind this; others one block for all, which says how long it is. */
const xerial = Buffer.from('\x82SNAPPY\0', 'latin1')

function checkSnappy(bytes: Buffer): void {
  if (bytes.subarray(0, xerial.length).equals(xerial)) {
    for (let at = 16; at + 4 <= bytes.length; at += 4 + bytes.readUInt32BE(at)) checkLength(bytes, at + 4)
  } else checkLength(bytes, 0)
}

/** Checks the varint at `at`, a length of five bytes at most. */
function checkLength(bytes: Buffer, at: number): void {
  let length = 0
  for (let i = 0; i < 5; i++) {
    const byte = bytes[at + i] ?? 0
    length += (byte & 127) * 2 ** (7 * i)
    if (byte < 128) break
  }
  if (length > recordBytesMax) throw new RangeError(`${length} bytes, of which at most ${recordBytesMax} are taken`)
}

/** The same batch with its records compressed, in memory of its own; with `none` the batch itself. */
export function compressed(batch: Buffer, codec: Codec): Buffer {
  if (codec === 'none') return batch
  const algorithm = compressionsAlgorithms[codec]
  const records = algorithm.compressSync(batch.subarray(headerBytes))
  const out = Buffer.allocUnsafeSlow(headerBytes + records.length)
  out.set(batch.subarray(0, headerBytes))
  out.set(records, headerBytes)
  out.writeInt32BE(out.length - lengthOverhead, batchField.length)
  out.writeInt16BE(out.readInt16BE(batchField.attributes) | algorithm.bitmask, batchField.attributes)
  out.writeUInt32BE(crc32c(out, batchField.attributes), batchField.crc)
  return out
}
