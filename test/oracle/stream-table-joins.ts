/** What comes, in this order: a record, or a row of the table that it meets; null takes the row away. */
export interface Coming {
  readonly to: 'stream' | 'table'
  readonly key: string | null
  readonly value: string | null
  /** Epoch milliseconds. */
  readonly at: number
}

/** A joined record. */
export interface Enriched {
  readonly key: string | null
  readonly value: string | null
  readonly at: number
}

/** Everything that a join of a stream with a table makes: for each record the row that was written last for its key; one that has no value joins nothing. */
export function enriched(
  all: readonly Coming[],
  left: boolean,
  row: (value: string) => string | null,
  meet: (value: string, row: string | null, key: string | null) => string | null,
): readonly Enriched[] {
  return all.flatMap(({ to, key, value, at }, i) => {
    if (to === 'table' || value === null || (key === null && !left)) return []
    const last = key === null ? undefined : all.slice(0, i).findLast(each => each.to === 'table' && each.key === key)
    const found = last === undefined || last.value === null ? null : row(last.value)
    return found === null && !left ? [] : { key, value: meet(value, found, key), at }
  })
}
