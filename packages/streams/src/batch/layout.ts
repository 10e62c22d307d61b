import { type ErrorPlace, RiachoError } from '../errors.ts'

/** Where the fields of a record batch (magic 2) lie, in bytes from its start. */
export const batchField = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
} as const

/** Bytes before the first record of a batch. */
export const headerBytes = 61
/** Bytes that the batch's length field does not count. */
export const lengthOverhead = 12

/** Bits of a batch's attributes. */
export const batchAttribute = { codec: 7, logAppendTime: 8, transactional: 16, control: 32 } as const

/** A signed 64-bit number. Throws RIACHO_BATCH_CORRUPT beyond ±(2^53-1), where a number would not be exact. */
export function readLong(frame: Buffer, position: number): number {
  const value = frame.readInt32BE(position) * 4294967296 + frame.readUInt32BE(position + 4)
  if (!Number.isSafeInteger(value)) throw corrupt(`a 64-bit field at byte ${position} is above 2^53-1, which a number cannot hold`)
  return value
}

/** Writes a signed 64-bit number; `value` is a safe integer. */
export function writeLong(frame: Buffer, value: number, position: number): void {
  const high = Math.floor(value / 4294967296)
  frame.writeInt32BE(high, position)
  frame.writeUInt32BE(value - high * 4294967296, position + 4)
}

/** The error of a damaged batch. */
export const corrupt = (what: string, cause?: unknown, place: ErrorPlace = {}): RiachoError =>
  new RiachoError('RIACHO_BATCH_CORRUPT', what, { cause, place })
