import {
  type AbortedTransaction,
  batchAttribute,
  batchField,
  markerOf,
  readLong,
  type TopicPartition,
  writeLong,
} from '@riacho/streams/engine'
import type { Slice } from './frames.ts'
import type { Segment, SegmentStore } from './segment.ts'

/** A part of a log, in bytes of one segment and in offsets. */
export interface Range {
  readonly segment: Segment
  readonly start: number
  readonly end: number
  /** Where to read on. */
  readonly next: number
}

interface Aborted extends AbortedTransaction {
  /** Offset of the abort marker. */
  readonly lastOffset: number
}

/** A segment with its batches' first offsets and their places. */
interface Part {
  readonly segment: Segment
  readonly offsets: number[]
  readonly positions: number[]
}

/** The log of one partition: segments of record batches, and what readers must know of its transactions. */
export class PartitionLog implements TopicPartition {
  readonly topic: string
  readonly partition: number
  /** First retained offset. */
  start = 0
  /** The high watermark: the offset of the next record. */
  end = 0
  /** The highest producer id seen here. */
  lastProducerId = 0
  /** Called after each append. */
  readonly listeners = new Set<() => void>()
  readonly #store: SegmentStore
  #parts: Part[] = []
  /** First offsets of the open transactions, by producer. Transactions begin in the order of the log, so the first entry is the oldest. */
  readonly #open = new Map<number, number>()
  #aborted: Aborted[] = []

  constructor(topic: string, partition: number, store: SegmentStore) {
    this.topic = topic
    this.partition = partition
    this.#store = store
  }

  /** Batches appended here must carry a checksum. */
  get checked(): boolean {
    return this.#store.checked
  }

  /** The first offset that read_committed may not see yet. */
  get lastStable(): number {
    for (const first of this.#open.values()) return first
    return this.end
  }

  /** First offsets of the open transactions, by producer id. */
  get open(): ReadonlyMap<number, number> {
    return this.#open
  }

  /** Adds one whole batch and writes its base offset into it. When it throws, the log is as it was. */
  append(batch: Buffer): void {
    writeLong(batch, this.end, batchField.baseOffset)
    batch.writeInt32BE(0, batchField.leaderEpoch)
    let part = this.#parts.at(-1)
    if (part === undefined || !part.segment.hasRoom(batch.length))
      part = this.attach(this.#store.create(this.end, batch.length, part?.segment.size ?? 0))
    const position = part.segment.size
    part.segment.append(batch)
    this.note(batch, 0, position)
    this.changed()
  }

  /** Tells whoever waits for records. */
  changed(): void {
    for (const listener of this.listeners) listener()
  }

  /** Adds a segment whose batches are already there, or an empty one. */
  attach(segment: Segment): Part {
    const part: Part = { segment, offsets: [], positions: [] }
    if (this.#parts.length === 0 && this.end === 0) this.start = this.end = segment.baseOffset
    this.end = Math.max(this.end, segment.baseOffset)
    this.#parts.push(part)
    return part
  }

  /** Forgets all segments, to be read anew. */
  forget(): void {
    this.close()
    this.#parts = []
    this.#aborted = []
    this.#open.clear()
    this.start = this.end = 0
  }

  /** Takes the batch at `at0` of `frame`, which lies at `position` of the last segment, into the index and the state of transactions. */
  note(frame: Buffer, at0: number, position: number): void {
    const part = this.#parts.at(-1)!
    const base = readLong(frame, at0 + batchField.baseOffset)
    const last = base + frame.readInt32BE(at0 + batchField.lastOffsetDelta)
    part.offsets.push(base)
    part.positions.push(position)
    this.end = last + 1
    const attributes = frame.readInt16BE(at0 + batchField.attributes)
    if ((attributes & batchAttribute.transactional) === 0) return
    const producerId = readLong(frame, at0 + batchField.producerId)
    if (producerId > this.lastProducerId) this.lastProducerId = producerId
    if ((attributes & batchAttribute.control) === 0) {
      if (!this.#open.has(producerId)) this.#open.set(producerId, base)
      return
    }
    const firstOffset = this.#open.get(producerId)
    this.#open.delete(producerId)
    if (firstOffset !== undefined && markerOf(frame, at0) === 'abort') this.#aborted.push({ producerId, firstOffset, lastOffset: last })
  }

  /** Whole batches of one segment from the one that holds `from`, below `limit`: at most `bytes` bytes, but at least one batch. Undefined: there are none. */
  range(from: number, limit: number, bytes: number): Range | undefined {
    if (from >= limit || this.#parts.length === 0) return undefined
    let p = lastAtMost(this.#parts, from, part => part.segment.baseOffset)
    let part = this.#parts[p]!
    let first = Math.max(0, lastAtMost(part.offsets, from, same))
    if (part.offsets.length === 0) {
      part = this.#parts[++p]!
      if (part === undefined) return undefined
      first = 0
    }
    const start = part.positions[first]!
    const byBytes = lastAtMost(part.positions, start + bytes, same)
    const byLimit = lastAtMost(part.offsets, limit - 1, same)
    if (byLimit < first) return undefined
    // `byBytes` is the batch that begins within the limit of bytes: it is whole inside only when the segment ends within it.
    const whole = part.segment.size - start <= bytes ? part.offsets.length - 1 : byBytes - 1
    const last = Math.min(byLimit, Math.max(first, whole))
    const end = part.positions[last + 1] ?? part.segment.size
    const next = part.offsets[last + 1] ?? this.#parts[p + 1]?.segment.baseOffset ?? this.end
    return { segment: part.segment, start, end, next }
  }

  /** Lends the bytes of a range. */
  lend(range: Range): Slice {
    return range.segment.read(range.start, range.end - range.start)
  }

  /** Aborted transactions that reach into [from, to), by first offset. */
  abortedIn(from: number, to: number): readonly AbortedTransaction[] {
    if (this.#aborted.length === 0) return []
    return this.#aborted.filter(one => one.lastOffset >= from && one.firstOffset < to).sort((a, b) => a.firstOffset - b.firstOffset)
  }

  /** Removes the segments that lie wholly below `offset`, and hides the records below it. */
  deleteBefore(offset: number): void {
    if (offset <= this.start) return
    this.start = offset
    while (this.#parts.length > 1 && this.#parts[1]!.segment.baseOffset <= offset) this.#parts.shift()!.segment.remove()
    this.#aborted = this.#aborted.filter(one => one.lastOffset >= offset)
  }

  /** Bytes of all segments. */
  get bytes(): number {
    return this.#parts.reduce((sum, part) => sum + part.segment.size, 0)
  }

  /** Segments in order. */
  get segments(): readonly Segment[] {
    return this.#parts.map(part => part.segment)
  }

  close(): void {
    for (const part of this.#parts) part.segment.close()
  }
}

const same = (n: number): number => n

/** Index of the last element whose number is at most `limit`; -1 when there is none. */
function lastAtMost<T>(sorted: readonly T[], limit: number, numberOf: (element: T) => number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (numberOf(sorted[middle]!) <= limit) low = middle + 1
    else high = middle
  }
  return low - 1
}
