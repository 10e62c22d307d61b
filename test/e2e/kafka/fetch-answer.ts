import { fetchV17, type Reader } from '@platformatic/kafka'
import { batchField, headerBytes, lengthOverhead, readLong } from '@riacho/streams/engine'
import { failureAt } from './failure.ts'
import type { Request } from './link.ts'
import { exact } from './topics.ts'

/** One partition of a fetch's answer; its record batches are not decoded. */
export interface FetchedPartition {
  readonly topicId: string
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStable: number
  readonly aborted: readonly { readonly producerId: number; readonly firstOffset: number }[]
  readonly batches: Buffer
}

/** From where to read which partitions of one topic. */
export interface FetchTopic {
  readonly id: string
  readonly partitions: readonly { readonly partition: number; readonly position: number }[]
}

/** The limits of one fetch. `wait` in milliseconds. */
export interface FetchLimits {
  readonly wait: number
  readonly bytesMax: number
  readonly partitionBytesMax: number
  readonly committed: boolean
}

/** A fetch that leaves the record batches as they are: the library's own would decode every record of the answer. */
export function fetchRequest(topics: readonly FetchTopic[], limits: FetchLimits): Request<readonly FetchedPartition[]> {
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
  return {
    key: fetchV17.api.key,
    version: fetchV17.api.version,
    write: () => fetchV17.createRequest(limits.wait, 1, limits.bytesMax, isolation, 0, -1, wanted, [], ''),
    parse: (_correlation, _key, _version, reader) => answer(reader),
  }
}

function answer(reader: Reader): readonly FetchedPartition[] {
  reader.readInt32()
  const errorCode = reader.readInt16()
  if (errorCode !== 0) throw failureAt(errorCode)
  reader.readInt32()
  return reader.readArray(topic).flat()
}

function topic(reader: Reader): FetchedPartition[] {
  const topicId = reader.readUUID()
  return reader.readArray(() => partition(reader, topicId))
}

function partition(reader: Reader, topicId: string): FetchedPartition {
  const head = {
    topicId,
    partition: reader.readInt32(),
    errorCode: reader.readInt16(),
    highWatermark: exact(reader.readInt64()),
    lastStable: exact(reader.readInt64()),
  }
  reader.readInt64() // the log's first offset
  const aborted = reader.readNullableArray(() => ({ producerId: exact(reader.readInt64()), firstOffset: exact(reader.readInt64()) })) ?? []
  reader.readInt32() // the preferred read replica
  const length = Math.max(reader.readUnsignedVarInt() - 1, 0)
  const batches = reader.buffer.slice(reader.position, reader.position + length)
  reader.skip(length)
  return { ...head, aborted: aborted.sort((a, b) => a.firstOffset - b.firstOffset), batches }
}

/** The offset after the last whole batch, from the headers alone, or `from` when there is none. */
export function endOf(batches: Buffer, from: number): number {
  let end = from
  for (let at = 0; at + headerBytes <= batches.length; ) {
    const next = at + lengthOverhead + batches.readInt32BE(at + batchField.length)
    if (next > batches.length) break
    end = readLong(batches, at + batchField.baseOffset) + batches.readInt32BE(at + batchField.lastOffsetDelta) + 1
    at = next
  }
  return Math.max(end, from)
}
