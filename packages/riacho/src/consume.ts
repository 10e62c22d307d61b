import { isUtf8 } from 'node:buffer'
import type { Broker, PartitionOffsets, RecordBatches, RecordCursor } from '@riacho/streams/engine'
import { failure } from './errors.ts'

/** What `consume` shows. */
export interface ConsumeOptions {
  readonly topic: string
  /** From the first retained record instead of what is written from now on. */
  readonly fromBeginning?: boolean
  /** Ends after so many records. */
  readonly count?: number | undefined
  /** Ends at the end that the topic had at the start, instead of waiting for more. */
  readonly untilEnd?: boolean
  /** Ends when aborted. */
  readonly signal?: AbortSignal
}

const pollMs = 200

/** Hands each committed record of a topic to `print` as a line of JSON. Resolves with how many. Rejects with `RIACHO_TOPIC`. */
export async function consume(broker: Broker, options: ConsumeOptions, print: (line: string) => void | Promise<void>): Promise<number> {
  const offsets = await startOf(broker, options.topic)
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  const left = new Map<number, number>()
  for (const { partition, start, lastStable } of offsets) {
    const from = options.fromBeginning || options.untilEnd ? start : lastStable
    fetcher.add({ topic: options.topic, partition }, from)
    if (from < lastStable) left.set(partition, lastStable)
  }
  const wake = (): void => fetcher.wake()
  options.signal?.addEventListener('abort', wake)
  let count = 0
  const full = (): boolean => count >= (options.count ?? Number.POSITIVE_INFINITY)
  try {
    while (!full() && !options.signal?.aborted && !(options.untilEnd && left.size === 0)) {
      for (const slice of await fetcher.poll(pollMs)) {
        const cursor = slice.cursor()
        while (!full() && cursor.next()) {
          count++
          await print(lineOf(slice, cursor))
        }
        if (cursor.position >= (left.get(slice.partition) ?? 0)) left.delete(slice.partition)
        slice.release()
      }
    }
  } finally {
    options.signal?.removeEventListener('abort', wake)
    fetcher.close()
  }
  return count
}

async function startOf(broker: Broker, topic: string): Promise<readonly PartitionOffsets[]> {
  const partitions = (await broker.admin.partitions([topic])).get(topic)
  if (partitions !== undefined) return broker.admin.offsets(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })))
  const others = 'topics' in broker ? (broker.topics as readonly { readonly name: string }[]).map(({ name }) => name) : []
  throw failure('RIACHO_TOPIC', `there is no topic ${topic}${others.length === 0 ? '' : `; there are ${others.join(', ')}`}`)
}

function lineOf({ topic, partition }: RecordBatches, cursor: RecordCursor): string {
  const headers = cursor.hasHeaders ? cursor.headers().map(([name, value]) => [name, value === null ? null : readable(value)]) : []
  const key = cursor.keyStart < 0 ? null : readable(cursor.keyFrame.subarray(cursor.keyStart, cursor.keyEnd))
  const value = cursor.valueStart < 0 ? null : readable(cursor.valueFrame.subarray(cursor.valueStart, cursor.valueEnd))
  return JSON.stringify({
    topic,
    partition,
    offset: cursor.offset,
    timestamp: new Date(cursor.timestamp).toISOString(),
    key,
    value,
    headers,
  })
}

/** Text where the bytes are text; else the bytes, so that nothing is lost. */
const readable = (bytes: Uint8Array): string | { readonly base64: string } =>
  isUtf8(bytes) ? Buffer.from(bytes).toString() : { base64: Buffer.from(bytes).toString('base64') }
