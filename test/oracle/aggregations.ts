/** A record as it was written to the input. */
export interface Given {
  readonly key: string | null
  readonly value: string | null
  /** Epoch milliseconds. */
  readonly at: number
}

/** A record that must stand in the output: `start` only of windows. */
export interface Wanted {
  readonly key: string
  readonly start?: number
  readonly value: string | null
  readonly at: number
}

/** Windows of `size` milliseconds at multiples of `advance`, closed `grace` after their end. */
export interface Spans {
  readonly size: number
  readonly advance: number
  readonly grace: number
}

/** What becomes of the values of a key since the row was last deleted; null deletes the row again. */
export type Whole = (values: readonly (string | null)[]) => string | null

interface Update {
  readonly key: string
  readonly start: number | undefined
  readonly value: string | null
  readonly at: number
  readonly deletes: boolean
}

/**
 * Every update that an aggregation must make, computed from the input alone: for each record, and each window that it is in and that is still open, all values of that
 * key and window are taken from the history again, from the last deletion on.
 */
export function updates(input: readonly Given[], spans: Spans | undefined, whole: Whole): Wanted[] {
  const history: Update[] = []
  return input.flatMap((record, i) => {
    const { key } = record
    if (key === null || (record.value === null && spans === undefined)) return []
    return startsOf(input.slice(0, i + 1), spans).map(start => {
      const before = history.filter(each => each.key === key && each.start === start)
      const since = before.slice(before.findLastIndex(each => each.deletes) + 1)
      const value = whole([...since.map(each => each.value), record.value])
      history.push({ key, start, value: record.value, at: record.at, deletes: value === null })
      const at = Math.max(record.at, ...since.map(each => each.at))
      return start === undefined ? { key, value, at } : { key, start, value, at }
    })
  })
}

/** The windows that take the last record of an input, oldest first: those that were not closed by any record so far. */
function startsOf(input: readonly Given[], spans: Spans | undefined): readonly (number | undefined)[] {
  if (spans === undefined) return [undefined]
  const { size, advance, grace } = spans
  const { at } = input.at(-1)!
  const time = Math.max(...input.filter(each => each.key !== null).map(each => each.at))
  const starts: number[] = []
  for (let start = 0; start <= at; start += advance) if (at < start + size && time < start + size + grace) starts.push(start)
  return starts
}
