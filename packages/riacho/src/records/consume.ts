import { type Broker, type RecordBatches, type RecordCursor, reasonOf } from '@riacho/streams/engine'
import { failure } from '../errors.ts'
import { bytesAt, type ReadOptions, readRecords } from '../read.ts'
import { readableHeaders } from '../readable.ts'
import { shownAs, text } from './forms.ts'
import type { Forms } from './line.ts'

const asText: Forms = { key: text, value: text }

/** What `consume` shows: with `since`, only records of this time or later. */
export interface ConsumeOptions extends ReadOptions {
  /** Default: text. */
  readonly forms?: Forms
  /** Ends after so many records. */
  readonly max?: number | undefined
}

/**
 * Hands each committed record of a topic to `print` as a line of JSON. Resolves with how many. Rejects with `RIACHO_TOPIC`, and at a record that is not of its form with
 * `RIACHO_UNREADABLE`.
 */
export async function consume(broker: Broker, options: ConsumeOptions, print: (line: string) => void | Promise<void>): Promise<number> {
  const { forms = asText, since = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = options
  let count = 0
  await readRecords(broker, options, async (slice, cursor) => {
    if (cursor.timestamp < since) return true
    count++
    await print(await lineOf(slice, cursor, forms))
    return count < max
  })
  return count
}

async function lineOf({ topic, partition }: RecordBatches, cursor: RecordCursor, forms: Forms): Promise<string> {
  const { key, value } = bytesAt(cursor)
  const { offset } = cursor
  const shown = async (part: keyof Forms, bytes: Buffer | null): Promise<unknown> => {
    try {
      return await shownAs(forms[part], bytes)
    } catch (thrown) {
      const message = `the ${part} of ${topic}-${partition} offset ${offset} is not of its form: ${reasonOf(thrown)}; --${part} bytes shows it`
      throw failure('RIACHO_UNREADABLE', message, thrown)
    }
  }
  return JSON.stringify({
    topic,
    partition,
    offset,
    timestamp: new Date(cursor.timestamp).toISOString(),
    key: await shown('key', key),
    value: await shown('value', value),
    headers: cursor.hasHeaders ? readableHeaders(cursor.headers()) : [],
  })
}
