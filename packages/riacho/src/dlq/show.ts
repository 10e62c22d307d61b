import type { Broker } from '@riacho/streams/engine'
import { readable, readableHeaders } from '../readable.ts'
import { type LetterFilter, readLetters } from './letters.ts'
import { Marks } from './marks.ts'

/** Hands each letter to `print` as a line of JSON: the original record, and why, where and when it failed. At most `max`. */
export async function showLetters(
  broker: Broker,
  topic: string,
  { max = Number.POSITIVE_INFINITY, ...filter }: LetterFilter & { readonly max?: number | undefined },
  print: (line: string) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const marks = await Marks.read(broker, topic)
  let count = 0
  await readLetters(
    broker,
    topic,
    filter,
    async ({ at, failedAt, original, timestamp, firstFailure: _, stage: __, ...why }) => {
      const record = { key: readable(original.key), value: readable(original.value), headers: readableHeaders(original.headers) }
      const times = { timestamp: timestamp < 0 ? null : new Date(timestamp).toISOString(), failedAt: new Date(failedAt).toISOString() }
      await print(JSON.stringify({ at, ...why, ...times, replayed: marks.has(at), ...record }))
      return ++count < max
    },
    signal,
  )
}
