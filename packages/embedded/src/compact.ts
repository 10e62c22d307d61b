import { renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { BatchCursor, BatchEncoder, batchField, type RecordCursor, writeLong } from '@riacho/streams/engine'
import { GrowingFile } from './file.ts'
import type { FileSegment, FileSegments } from './file-segment.ts'
import type { PartitionLog } from './log.ts'

const readBytes = 1024 * 1024
const batchBytes = 256 * 1024

/** What compaction leaves alone, epoch milliseconds. */
export interface Compaction {
  /** Nulls (deletes) go when their file was last written before this time. */
  readonly deletesBefore: number
  /** The first record with a later timestamp than this stays, and so does all that comes after it. */
  readonly keepsAfter: number
}

/**
 * Rewrites the files of a log so that each key keeps its last record, at its old offset. No transaction may be open. The log must be read
 * anew afterwards.
 */
export function compact(log: PartitionLog, store: FileSegments, { deletesBefore, keepsAfter }: Compaction): void {
  const last = new Map<string, number>()
  let kept = log.end
  walk(log, log.start, log.end, cursor => {
    if (cursor.timestamp > keepsAfter && cursor.offset < kept) kept = cursor.offset
    if (cursor.keyStart >= 0 && cursor.offset < kept) last.set(keyOf(cursor), cursor.offset)
  })
  const segments = log.segments as readonly FileSegment[]
  const writtenAt = segments.map(segment => (segment.file.length() === 0 ? 0 : statSync(segment.file.path).mtimeMs))
  const old = segments.filter((_, i) => writtenAt[i]! < deletesBefore).length
  const end = log.end
  // The old files become one, so that their number stays bounded; a younger one stays by itself, so that its deletes can age.
  const groups = [segments.slice(0, old), ...segments.slice(old).map(segment => [segment])].filter(group => group.length > 0)
  for (const group of groups) {
    const next = segments[segments.indexOf(group.at(-1)!) + 1]?.baseOffset ?? end
    const time = Math.max(...group.map(segment => writtenAt[segments.indexOf(segment)]!))
    rewrite(log, store, group, next, cursor => {
      if (cursor.keyStart < 0 || cursor.offset >= kept) return true
      return last.get(keyOf(cursor)) === cursor.offset && (cursor.valueStart >= 0 || time >= deletesBefore)
    })
    utimesSync(store.pathOf(group[0]!.baseOffset), new Date(), new Date(time))
  }
  // The next record goes into a file of its own: it says where the log ends, whatever was dropped, and lets this one age.
  const tail = store.create(end)
  tail.file.length()
  tail.close()
}

/** Writes the kept records of a group of segments into one file, which takes the place of the first. */
function rewrite(
  log: PartitionLog,
  store: FileSegments,
  group: readonly FileSegment[],
  end: number,
  keep: (cursor: RecordCursor) => boolean,
): void {
  const path = store.pathOf(group[0]!.baseOffset)
  rmSync(`${path}.clean`, { force: true })
  const file = new GrowingFile(`${path}.clean`, false)
  const encoder = new BatchEncoder()
  let size = 0
  let base = group[0]!.baseOffset
  let next = base
  const write = (): void => {
    const batch = encoder.finish(-1, -1, -1, false, { crc: true })
    writeLong(batch, base, batchField.baseOffset)
    file.write(batch, size)
    size += batch.length
  }
  try {
    file.length()
    walk(log, group[0]!.baseOffset, end, cursor => {
      if (!keep(cursor)) return
      if (encoder.size > batchBytes) write()
      if (encoder.count === 0) base = cursor.offset
      else encoder.skip(cursor.offset - next)
      next = cursor.offset + 1
      encoder.append(
        cursor.timestamp,
        bytesOf(cursor.keyFrame, cursor.keyStart, cursor.keyEnd),
        bytesOf(cursor.valueFrame, cursor.valueStart, cursor.valueEnd),
        cursor.headers(),
      )
    })
    // The last batch reaches to where the next file begins, though it be empty: a reader's position must get there.
    if (encoder.count === 0) base = next
    encoder.skip(end - next)
    if (end > base) write()
    file.close()
    renameSync(`${path}.clean`, path)
  } catch (thrown) {
    file.close()
    rmSync(`${path}.clean`, { force: true })
    throw thrown
  }
  for (const segment of group.slice(1)) segment.remove()
}

function walk(log: PartitionLog, from: number, end: number, visit: (cursor: RecordCursor) => void): void {
  for (let at = from; ; ) {
    const range = log.range(at, end, readBytes)
    if (range === undefined) return
    const slice = log.lend(range)
    const cursor = new BatchCursor(slice.frame, slice.start, slice.end, at, { aborted: log.abortedIn(at, range.next), checkCrc: true })
    while (cursor.next()) visit(cursor)
    slice.release()
    at = range.next
  }
}

const keyOf = (cursor: RecordCursor): string => cursor.keyFrame.latin1Slice(cursor.keyStart, cursor.keyEnd)

const bytesOf = (frame: Buffer, start: number, end: number): Uint8Array | null => (start < 0 ? null : frame.subarray(start, end))
