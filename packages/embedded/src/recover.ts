import { BrokerError, batchField, crc32c, headerBytes, lengthOverhead, readLong } from '@riacho/streams/engine'
import type { FileSegment, FileSegments } from './file-segment.ts'
import type { PartitionLog } from './log.ts'

const frameBytes = 1024 * 1024

/** Reads the index and the transactions of a log out of its files. In a log that is written here a torn tail is cut off. */
export function recover(log: PartitionLog, store: FileSegments): void {
  const bases = store.list()
  for (const [i, base] of bases.entries()) {
    if (i > 0 && base < log.end && !store.readOnly) {
      // What an interrupted cleaning left: its records are in the segment before.
      store.open(base).remove()
      continue
    }
    const segment = store.open(base)
    log.attach(segment)
    scan(log, segment, i === bases.length - 1)
    if (!store.readOnly && segment.size < segment.file.length()) segment.file.truncate(segment.size)
  }
}

/** Takes in what was appended to the files of a log since the last look. */
export function follow(log: PartitionLog, store: FileSegments): void {
  const known = log.segments.at(-1) as FileSegment | undefined
  const fresh = store.list().filter(base => known === undefined || base > known.baseOffset)
  const before = log.end
  if (known !== undefined) scan(log, known, fresh.length === 0)
  for (const [i, base] of fresh.entries()) {
    const segment = store.open(base)
    log.attach(segment)
    scan(log, segment, i === fresh.length - 1)
  }
  if (log.end > before) log.changed()
}

/** Notes the batches from the segment's size on. `last`: what is not whole at its end may be a torn write. */
function scan(log: PartitionLog, segment: FileSegment, last: boolean): void {
  const length = segment.file.length()
  let frame = Buffer.allocUnsafeSlow(Math.min(frameBytes, Math.max(headerBytes, length - segment.size)))
  while (segment.size < length) {
    const read = segment.file.read(frame, Math.min(frame.length, length - segment.size), segment.size)
    const before = segment.size
    const wanted = noteBatches(log, segment, frame, read, length)
    if (wanted === 'damaged' || (wanted === 'torn' && !last)) throw damaged(segment)
    if (wanted === 'torn') return
    if (segment.size === before) frame = Buffer.allocUnsafeSlow(wanted)
  }
}

/** Notes the whole batches of a frame. Gives the bytes that the next batch needs, or what is wrong with it. */
function noteBatches(log: PartitionLog, segment: FileSegment, frame: Buffer, read: number, length: number): number | 'torn' | 'damaged' {
  const from = segment.size
  for (let start = 0; ; ) {
    const left = length - from - start
    if (left < headerBytes) return left === 0 ? frame.length : 'torn'
    if (start + headerBytes > read) return frame.length
    const bytes = frame.readInt32BE(start + batchField.length) + lengthOverhead
    if (bytes > left) return 'torn'
    if (bytes < headerBytes || frame[start + batchField.magic] !== 2) return 'damaged'
    if (start + bytes > read) return Math.max(bytes, frame.length)
    if (crc32c(frame, start + batchField.attributes, start + bytes) !== frame.readUInt32BE(start + batchField.crc))
      return bytes === left ? 'torn' : 'damaged'
    if (readLong(frame, start + batchField.baseOffset) < log.end) return 'damaged'
    log.note(frame, start, segment.size)
    segment.size += bytes
    start += bytes
  }
}

const damaged = (segment: FileSegment): BrokerError =>
  new BrokerError(
    'LOG_CORRUPT',
    `${segment.file.path} is damaged at byte ${segment.size}, and more follows behind it: this is no torn write. Restore the file, or move the data directory away and start anew.`,
  )
