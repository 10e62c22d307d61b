/** A change of one of two tables: null deletes the row. */
export interface Given {
  readonly side: 'left' | 'right'
  readonly key: string | null
  readonly value: string | null
  /** Epoch milliseconds. */
  readonly at: number
}

/** A record that must stand in the output. */
export interface Wanted {
  readonly key: string
  readonly value: string | null
  readonly at: number
}

/** Which rows have results, and which deletions are told: only those that may be needed, or all. */
export type Kind = 'inner' | 'inner, all deletions' | 'left'

interface Row {
  readonly value: string
  readonly at: number
}

/** The foreign key of a left row: what stands before the colon. */
export const foreignKeyOf = (value: string): string | null => (value.includes(':') ? value.slice(0, value.indexOf(':')) : null)

/** The result of a left row and what it meets. */
export const paired = (left: string, right: string | null): string => `${left}+${right}`

/** The rows of one side after these changes: the last of each key. */
function rowsOf(input: readonly Given[], side: Given['side']): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>()
  for (const { side: of, key, value, at } of input) {
    if (of !== side || key === null) continue
    if (value === null) rows.delete(key)
    else rows.set(key, { value, at })
  }
  return rows
}

/** The join of both tables as they are after these changes, each left row by itself. */
export function joinOf(input: readonly Given[], kind: Kind): ReadonlyMap<string, string> {
  const rights = rowsOf(input, 'right')
  const results = new Map<string, string>()
  for (const [key, { value }] of rowsOf(input, 'left')) {
    const foreign = foreignKeyOf(value)
    const right = foreign === null ? undefined : rights.get(foreign)
    if (right !== undefined || kind === 'left') results.set(key, paired(value, right?.value ?? null))
  }
  return results
}

/** What each change must hand on when everything has settled before the next, from both tables as they are then. */
export function updatesOf(input: readonly Given[], kind: Kind): Wanted[] {
  return input.flatMap((change, i) => {
    const before = input.slice(0, i)
    if (change.key === null) return []
    return change.side === 'left' ? ofLeft(change, change.key, before, kind) : ofRight(change, change.key, before, kind)
  })
}

function ofLeft({ value, at }: Given, key: string, before: readonly Given[], kind: Kind): Wanted[] {
  const old = rowsOf(before, 'left').get(key)?.value ?? null
  if (old === null && value === null) return []
  const rights = rowsOf(before, 'right')
  const from = old === null ? null : foreignKeyOf(old)
  const to = value === null ? null : foreignKeyOf(value)
  const right = to === null ? undefined : rights.get(to)
  const later = (row: Row | undefined): number => Math.max(at, row?.at ?? at)
  if (value !== null && right !== undefined) return [{ key, value: paired(value, right.value), at: later(right) }]
  if (kind === 'left') return [{ key, value: value === null ? null : paired(value, null), at }]
  if (kind === 'inner, all deletions') return [{ key, value: null, at }]
  // A deletion is needed only by a row that leaves a foreign key; it is told by the one that it leaves when there is no other.
  if (from === null || from === to) return []
  return [{ key, value: null, at: to === null ? later(rights.get(from)) : at }]
}

function ofRight({ value, at }: Given, foreign: string, before: readonly Given[], kind: Kind): Wanted[] {
  const subscribed = [...rowsOf(before, 'left')].filter(([, row]) => foreignKeyOf(row.value) === foreign)
  subscribed.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return subscribed.map(([key, row]) => ({ key, value: value === null && kind !== 'left' ? null : paired(row.value, value), at }))
}
