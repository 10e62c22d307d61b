import type { Broker, BrokerError, Fetcher, FetchOptions, RecordBatches, TopicPartition } from '@riacho/streams/engine'

/** What was read of one partition. */
export interface Read {
  readonly values: (string | null)[]
  /** The offset to go on from. */
  readonly position: number
  readonly slice: { readonly highWatermark: number; readonly lastStable: number }
}

/** Walks a slice and gives it back. */
export function taken(slice: RecordBatches): Read {
  const cursor = slice.cursor()
  const values: (string | null)[] = []
  while (cursor.next()) values.push(cursor.valueStart < 0 ? null : cursor.valueFrame.toString('utf8', cursor.valueStart, cursor.valueEnd))
  const { highWatermark, lastStable } = slice
  slice.release()
  return { values, position: cursor.position, slice: { highWatermark, lastStable } }
}

/** Everything up to `end`, by a fetcher that reads this partition only. */
export async function readOn(fetcher: Fetcher, end: number): Promise<Read> {
  const values: (string | null)[] = []
  for (;;) {
    for (const slice of await fetcher.poll(5_000)) {
      const read = taken(slice)
      values.push(...read.values)
      if (read.position >= end) return { ...read, values }
    }
  }
}

/** Everything from the partition's beginning up to `end`. */
export async function readAll(
  broker: Broker,
  from: TopicPartition,
  end: number,
  isolation: FetchOptions['isolation'] = 'read_committed',
): Promise<Read> {
  const fetcher = broker.fetcher({ isolation })
  fetcher.add(from, 0)
  const read = await readOn(fetcher, end)
  fetcher.close()
  return read
}

/** Why this work fails; it is an error if it does not. */
export const rejection = (work: Promise<unknown>): Promise<BrokerError> =>
  work.then(
    () => {
      throw new Error('it was expected to fail')
    },
    (failure: BrokerError) => failure,
  )

/** What an error says of what to do next. */
export const verdict = ({ code, retriable, fenced, abortable }: BrokerError) => ({ code, retriable, fenced, abortable })
