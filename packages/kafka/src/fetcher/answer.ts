import { fetchV15 } from '@platformatic/kafka'
import { type AbortedTransaction, batchField, headerBytes, lengthOverhead, readLong } from '@riacho/streams/engine'
import { failureAt } from '../errors.ts'
import type { Request } from '../transport/connection.ts'
import { Walk } from '../transport/walk.ts'
import type { Frame, Frames } from './frames.ts'

/** One partition of a fetch's answer; its record batches are not decoded. */
export interface FetchedPartition {
  /** The topic's id, as metadata give it. */
  readonly topicId: string
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStable: number
  /** Sorted by their first offset. */
  readonly aborted: readonly AbortedTransaction[]
  /** Where its record batches lie in the answer. */
  readonly start: number
  readonly end: number
}

/** The answer of a broker, and what lies where in it. */
export interface Fetched {
  readonly body: Buffer
  readonly partitions: readonly FetchedPartition[]
}

/** From where to read which partitions of one topic. */
export interface FetchTopic {
  readonly id: string
  readonly partitions: readonly { readonly partition: number; readonly position: number }[]
}

/** The limits of one fetch. `waitMs`: how long the broker may wait for records. */
export interface FetchLimits {
  readonly waitMs: number
  readonly bytesMax: number
  readonly partitionBytesMax: number
  readonly committed: boolean
}

/**
 * A fetch that leaves the record batches as they are: the library's own would decode every record of the answer. Its answer goes into one of `frames`, with the caller as
 * holder: `frame()` once it has begun to come.
 */
export function fetchRequest(frames: Frames, topics: readonly FetchTopic[], limits: FetchLimits): FetchRequest {
  const wanted = topics.map(topic => ({
    topicId: topic.id,
    partitions: topic.partitions.map(each => ({
      partition: each.partition,
      currentLeaderEpoch: -1,
      fetchOffset: BigInt(each.position),
      lastFetchedEpoch: -1,
      partitionMaxBytes: limits.partitionBytesMax,
    })),
  }))
  const isolation = limits.committed ? 1 : 0
  const body = fetchV15.createRequest(limits.waitMs, 1, limits.bytesMax, isolation, 0, -1, wanted, [], '')
  let frame: Frame | undefined
  const allocate = (bytes: number): Buffer => {
    frame = frames.take(bytes)
    return frame.bytes
  }
  const request = { key: 1, version: 15, body: [body.buffer], tags: { request: true, answer: true }, allocate, parse: answer }
  return { request, frame: () => frame }
}

/** A fetch, and the frame of its answer. */
export interface FetchRequest {
  readonly request: Request<Fetched>
  readonly frame: () => Frame | undefined
}

function answer(frame: Buffer): Fetched {
  const walk = new Walk(frame)
  walk.int32() // how long the broker asks to be left alone; it delays its own answers by as much
  const errorCode = walk.int16()
  if (errorCode !== 0) throw failureAt(errorCode)
  walk.int32() // the session, of which none is used
  const partitions = walk.list(() => {
    const topicId = walk.uuid()
    return walk.list(() => partition(walk, topicId))
  })
  return { body: frame, partitions: partitions.flat() }
}

function partition(walk: Walk, topicId: string): FetchedPartition {
  const head = {
    topicId,
    partition: walk.int32(),
    errorCode: walk.int16(),
    highWatermark: walk.int64(),
    lastStable: walk.int64(),
  }
  walk.int64() // the log's first offset
  const aborted = walk.list(() => ({ producerId: walk.int64(), firstOffset: walk.int64() }))
  walk.int32() // a nearer replica, which is not asked
  const length = Math.max(walk.varint() - 1, 0)
  const start = walk.at
  walk.at += length
  return { ...head, aborted: aborted.sort((a, b) => a.firstOffset - b.firstOffset), start, end: walk.at }
}

/** The offset after the last whole batch, from the headers alone, or `from` when there is none. */
export function endOf(frame: Buffer, { start, end }: { readonly start: number; readonly end: number }, from: number): number {
  let offset = from
  for (let at = start; at + headerBytes <= end; ) {
    const next = at + lengthOverhead + frame.readInt32BE(at + batchField.length)
    // A length that cannot be is the cursor's to complain about, and must not make this walk stand still.
    if (next > end || next <= at) break
    offset = readLong(frame, at + batchField.baseOffset) + frame.readInt32BE(at + batchField.lastOffsetDelta) + 1
    at = next
  }
  return Math.max(offset, from)
}

/** The format of the first batch, as far as it came; 2 is the only one that is read. Older messages have theirs at the same place. */
export const formatOf = (frame: Buffer, { start, end }: { readonly start: number; readonly end: number }): number =>
  start + batchField.magic < end ? frame[start + batchField.magic]! : 2
