/** A record of the stream or of the global table. */
export interface Given {
  readonly topic: string
  readonly key: string | null
  readonly value: string | null
  readonly at: number
}

/** What a joined topic must hold: key, value, time. */
export type Wanted = readonly (readonly [string | null, string, number])[]

/** The value that a topic's key has after these records, in the order of their offsets. */
function latest(before: readonly Given[], key: string): string | null {
  const own = before.filter(record => record.key === key)
  return own.at(-1)?.value ?? null
}

/** The value that a key had at a time: the last of those that are not later; of those of one time the last that came. */
function asOf(before: readonly Given[], key: string, time: number): string | null {
  const own = before.filter(record => record.key === key && record.at <= time)
  const newest = Math.max(...own.map(record => record.at))
  return own.filter(record => record.at === newest).at(-1)?.value ?? null
}

/**
 * Joins each record of `stream` with what stands in `table` when it comes, or stood at `time` if that is said: by looking through everything that came before. `left`: a
 * record without a partner is joined with null.
 */
export function looked(
  input: readonly Given[],
  stream: string,
  table: string,
  key: (record: Given) => string | null,
  { left, time }: { readonly left: boolean; readonly time?: (record: Given) => number },
): Wanted {
  return input.flatMap((record, i) => {
    if (record.topic !== stream || record.value === null) return []
    const rows = input.slice(0, i).filter(({ topic }) => topic === table)
    const by = key(record)
    const row = by === null ? null : time === undefined ? latest(rows, by) : asOf(rows, by, time(record))
    if (row === null && !left) return []
    return [[record.key, `${record.value}/${row}`, record.at] as const]
  })
}
