import type { Broker, CommittedOffset, PartitionOffsets, RecordBatches, RecordCursor } from '@riacho/streams/engine'
import { failure } from './errors.ts'

/** Which records of a topic to read. */
export interface ReadOptions {
  readonly topic: string
  /** From the first retained record instead of what is written from now on. */
  readonly fromBeginning?: boolean
  /** From this offset, or from the first retained one if that is later. */
  readonly fromOffset?: number | undefined
  /** From what this group has committed; where that is nothing, from the first retained record. */
  readonly fromGroup?: string | undefined
  /** Epoch milliseconds: where the broker knows of the first record of this time or later, from there. What comes before is not left out otherwise. */
  readonly since?: number | undefined
  /** Only this partition. */
  readonly partition?: number | undefined
  /** Ends at the end that the topic had at the start, instead of waiting for more. */
  readonly untilEnd?: boolean
  /** Ends when aborted. */
  readonly signal?: AbortSignal
}

const pollMs = 200

/** Shows `visit` the committed records of a topic, in the order of each partition, until it answers `false`. Rejects with `RIACHO_TOPIC`. */
export async function readRecords(
  broker: Broker,
  options: ReadOptions,
  visit: (slice: RecordBatches, cursor: RecordCursor) => boolean | Promise<boolean>,
): Promise<void> {
  const { topic, untilEnd = false, signal } = options
  const starts = await startsOf(broker, options)
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  const left = new Map<number, number>()
  for (const [{ partition, lastStable }, from] of starts) {
    fetcher.add({ topic, partition }, from)
    if (from < lastStable) left.set(partition, lastStable)
  }
  const wake = (): void => fetcher.wake()
  signal?.addEventListener('abort', wake)
  let wanted = true
  try {
    while (wanted && !signal?.aborted && !(untilEnd && left.size === 0)) {
      for (const slice of await fetcher.poll(pollMs)) {
        const cursor = slice.cursor()
        while (wanted && cursor.next()) wanted = await visit(slice, cursor)
        if (cursor.position >= (left.get(slice.partition) ?? 0)) left.delete(slice.partition)
        slice.release()
      }
    }
  } finally {
    signal?.removeEventListener('abort', wake)
    fetcher.close()
  }
}

/** Where to begin in each partition that is asked for. */
async function startsOf(broker: Broker, options: ReadOptions): Promise<readonly (readonly [PartitionOffsets, from: number])[]> {
  const { topic, fromBeginning = false, untilEnd = false, fromOffset, fromGroup, since, partition } = options
  const all = await partitionsOf(broker, topic)
  const asked = partition === undefined ? all : all.filter(each => each.partition === partition)
  if (asked.length === 0) throw failure('RIACHO_TOPIC', `${topic} has no partition ${partition}: it has ${all.length}`)
  const committed = fromGroup === undefined ? [] : await broker.admin.committed(fromGroup, asked)
  const later = since === undefined ? undefined : await broker.admin.offsetsAt?.(since, asked)
  return asked.map(each => {
    if (fromOffset !== undefined && fromOffset > each.lastStable)
      throw failure(
        'RIACHO_TOPIC',
        `${topic}-${each.partition} has no offset ${fromOffset}: it ends at ${each.lastStable}; give an earlier one, or one --partition`,
      )
    const found = (of: readonly CommittedOffset[]): number | undefined => of.find(one => one.partition === each.partition)?.offset
    const timed = later === undefined ? undefined : (found(later) ?? each.lastStable)
    const said = fromOffset ?? (fromGroup === undefined ? timed : (found(committed) ?? 0))
    return [each, said === undefined ? (fromBeginning || untilEnd ? each.start : each.lastStable) : Math.max(said, each.start)] as const
  })
}

/** The ends of all partitions of a topic. Rejects with `RIACHO_TOPIC`. */
export async function partitionsOf(broker: Broker, topic: string): Promise<readonly PartitionOffsets[]> {
  const partitions = (await broker.admin.partitions([topic])).get(topic)
  if (partitions !== undefined) return broker.admin.offsets(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })))
  const others = 'topics' in broker ? (broker.topics as readonly { readonly name: string }[]).map(({ name }) => name) : []
  throw failure('RIACHO_TOPIC', `there is no topic ${topic}${others.length === 0 ? '' : `; there are ${others.join(', ')}`}`)
}

/** The key and the value that a cursor stands on, copied. */
export function bytesAt(cursor: RecordCursor): { readonly key: Buffer | null; readonly value: Buffer | null } {
  return {
    key: cursor.keyStart < 0 ? null : Buffer.from(cursor.keyFrame.subarray(cursor.keyStart, cursor.keyEnd)),
    value: cursor.valueStart < 0 ? null : Buffer.from(cursor.valueFrame.subarray(cursor.valueStart, cursor.valueEnd)),
  }
}
