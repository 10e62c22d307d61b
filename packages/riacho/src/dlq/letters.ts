import { type Broker, type DeadLetter, readDeadLetter } from '@riacho/streams/engine'
import { bytesAt, readRecords } from '../read.ts'

/** Which dead letters a command is about. Absent: any. */
export interface LetterFilter {
  /** The error's code, such as `RIACHO_INVALID`. */
  readonly code?: string | undefined
  /** The topic that the record came from. */
  readonly source?: string | undefined
  /** The stage that failed. */
  readonly node?: string | undefined
  /** The record's key as text. */
  readonly key?: string | undefined
  /** Put aside at this time or later, epoch milliseconds. */
  readonly since?: number | undefined
  /** Put aside before this time, epoch milliseconds. */
  readonly until?: number | undefined
}

/** A dead letter and where it lies in its topic. */
export interface PlacedLetter extends DeadLetter {
  readonly at: { readonly partition: number; readonly offset: number }
  /** When it was put aside; if its writer did not say so, the time of its record. */
  readonly failedAt: number
}

/** Shows `visit` the dead letters that there are now and that the filter lets through, until it answers `false`. Rejects with `RIACHO_TOPIC`. */
export async function readLetters(
  broker: Broker,
  topic: string,
  filter: LetterFilter,
  visit: (letter: PlacedLetter) => boolean | Promise<boolean>,
  signal?: AbortSignal,
): Promise<void> {
  await readRecords(broker, { topic, untilEnd: true, ...(signal && { signal }) }, ({ partition }, cursor) => {
    const { key, value } = bytesAt(cursor)
    const letter = readDeadLetter(key, value, cursor.hasHeaders ? cursor.headers() : [])
    const failedAt = letter.firstFailure < 0 ? cursor.timestamp : letter.firstFailure
    const placed: PlacedLetter = { ...letter, at: { partition, offset: cursor.offset }, failedAt }
    return matches(placed, filter) ? visit(placed) : true
  })
}

function matches({ code, topic, node, failedAt, original }: PlacedLetter, filter: LetterFilter): boolean {
  if (filter.code !== undefined && filter.code !== code) return false
  if (filter.source !== undefined && filter.source !== topic) return false
  if (filter.node !== undefined && filter.node !== node) return false
  if (filter.key !== undefined && (original.key === null || Buffer.from(original.key).toString() !== filter.key)) return false
  return failedAt >= (filter.since ?? Number.NEGATIVE_INFINITY) && failedAt < (filter.until ?? Number.POSITIVE_INFINITY)
}
