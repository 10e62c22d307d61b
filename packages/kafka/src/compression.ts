import { compressionsAlgorithms, compressionsAlgorithmsByBitmask } from '@platformatic/kafka'
import { batchField, type Decompress, headerBytes, lengthOverhead } from '@riacho/streams/engine'
import { crc32c } from './crc32c.ts'
import { KafkaError } from './errors.ts'

/** How batches are compressed. */
export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** Every {@link Codec}. */
export const codecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** Gives the records of a compressed batch. */
export const decompress: Decompress = (codec, frame, start, end) => {
  const algorithm = compressionsAlgorithmsByBitmask[codec]
  if (algorithm === undefined) throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', `codec ${codec} is none of gzip, snappy, lz4 and zstd`)
  try {
    return algorithm.decompressSync(frame.subarray(start, end))
  } catch (cause) {
    throw new KafkaError('CORRUPT_MESSAGE', `a batch cannot be decompressed (codec ${codec})`, { cause, retriable: false })
  }
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
