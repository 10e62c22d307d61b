import type { Broker, RecordBatches, RecordCursor } from '@riacho/streams/engine'
import { bytesAt, type ReadOptions, readRecords } from './read.ts'
import { readable, readableHeaders } from './readable.ts'

/** What `consume` shows. */
export interface ConsumeOptions extends ReadOptions {
  /** Ends after so many records. */
  readonly count?: number | undefined
}

/** Hands each committed record of a topic to `print` as a line of JSON. Resolves with how many. Rejects with `RIACHO_TOPIC`. */
export async function consume(broker: Broker, options: ConsumeOptions, print: (line: string) => void | Promise<void>): Promise<number> {
  let count = 0
  await readRecords(broker, options, async (slice, cursor) => {
    count++
    await print(lineOf(slice, cursor))
    return count < (options.count ?? Number.POSITIVE_INFINITY)
  })
  return count
}

function lineOf({ topic, partition }: RecordBatches, cursor: RecordCursor): string {
  const { key, value } = bytesAt(cursor)
  return JSON.stringify({
    topic,
    partition,
    offset: cursor.offset,
    timestamp: new Date(cursor.timestamp).toISOString(),
    key: readable(key),
    value: readable(value),
    headers: cursor.hasHeaders ? readableHeaders(cursor.headers()) : [],
  })
}
