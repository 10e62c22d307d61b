/** A record as it was written to the input. */
export interface Given {
  readonly key: string | null
  readonly value: string | null
  /** Epoch milliseconds. */
  readonly at: number
  /** Milliseconds of the wall clock that pass before it comes. */
  readonly wait?: number
}

/** Windows of `difference` milliseconds, both ends inclusive, that close `grace` after their end and are forgotten `retention` after their start. */
export interface Slides {
  readonly difference: number
  readonly grace: number
  readonly retention: number
  /** Milliseconds of the wall clock between two looks for closed windows. */
  readonly every?: number
}

/** What is handed on: the result of a window, or null for one that is no more, with the time of its last record. */
export interface Told {
  readonly key: string
  readonly start: number
  readonly value: string | null
  readonly at: number
}

/** What becomes of the values in a window, in order of arrival; null deletes the window. */
export type Fold = (values: readonly string[]) => string | null

/** What one record causes: updates, and the last results of the windows that it closes. */
export interface Step {
  readonly updates: readonly Told[]
  readonly finals: readonly Told[]
}

type Taken = Given & { readonly key: string; readonly value: string }

interface Window {
  readonly key: string
  readonly start: number
  readonly records: readonly Taken[]
}

const last = ({ records }: Window): number => Math.max(...records.map(each => each.at))
const valuesOf = ({ records }: Window): string[] => records.map(each => each.value)
const latest = (windows: readonly Window[]): Window | undefined => windows.toSorted((a, b) => b.start - a.start)[0]

/**
 * The windows of records by their definition alone: of each record the one that ends at it (or at `difference`, for it starts at 0 at the least), and the one that starts
 * behind it, if anything is in that.
 */
function defined(records: readonly Taken[], key: string, difference: number): readonly Window[] {
  const own = records.filter(each => each.key === key)
  const starts = new Set(own.flatMap(({ at }) => [Math.max(0, at - difference), at + 1]))
  return [...starts]
    .map(start => ({ key, start, records: own.filter(({ at }) => at >= start && at <= start + difference) }))
    .filter(window => window.records.length > 0)
}

/**
 * For each record the windows that are new or other than before it, earliest first, from the sets of records alone. It knows nothing of windows that are deleted or
 * forgotten, nor of records that are late for a part of their windows.
 */
export function changedWindows(input: readonly Given[], { difference, grace }: Slides, fold: Fold): readonly (readonly Told[])[] {
  const seen: Taken[] = []
  let time = -1
  return input.map(record => {
    if (record.key === null || record.value === null) return []
    time = Math.max(time, record.at)
    if (record.at + difference < time - grace) return []
    const before = defined(seen, record.key, difference)
    seen.push(record as Taken)
    const changed = defined(seen, record.key, difference).filter(
      window => before.find(({ start }) => start === window.start)?.records.length !== window.records.length,
    )
    return changed
      .sort((a, b) => a.start - b.start)
      .map(window => ({ key: window.key, start: window.start, value: fold(valuesOf(window)), at: last(window) }))
  })
}

/** Windows as they are after a record, each with what is in it before the record joins. */
interface Change {
  readonly start: number
  readonly records: readonly Taken[]
  readonly joined: boolean
}

/** What a record does to the windows of its key, in order. `own`: those that it can see. */
function changes(own: readonly Window[], { at }: Taken, difference: number): readonly Change[] {
  const there = (start: number): boolean => own.some(each => each.start === start)
  const join = (start: number, records: readonly Taken[]): Change => ({ start, records, joined: true })
  const behind = (right: Window | undefined): Change[] =>
    right === undefined || last(right) <= at || there(at + 1) ? [] : [{ start: at + 1, records: right.records, joined: false }]
  const after = (previous: number | undefined): Change[] =>
    previous === undefined || previous + 1 + difference < at || there(previous + 1) ? [] : [join(previous + 1, [])]
  const around = own.filter(({ start }) => start <= at && at <= start + difference).sort((a, b) => b.start - a.start)
  if (at < difference) {
    const first = own.find(({ start }) => start === 0)
    const others = around.filter(({ start }) => start > 0).reverse()
    const previous = first === undefined || last(first) >= at ? undefined : last(first)
    return [
      ...others.map(({ start, records }) => join(start, records)),
      ...behind(latest(others) ?? first),
      ...after(previous),
      join(0, first?.records ?? []),
    ]
  }
  const left = around.find(({ start }) => start + difference === at)
  const joins = around.map(({ start, records }) => join(start, records))
  if (left !== undefined && last(left) >= at) return joins
  const before = latest(own.filter(({ start }) => start + difference < at))
  const nearest = before ?? left
  const reaches = before !== undefined && last(before) >= at - difference
  return [
    ...joins,
    ...after(nearest && last(nearest)),
    ...(left === undefined ? [join(at - difference, reaches ? before.records : [])] : []),
    ...behind(latest(around.filter(({ start }) => start + difference > at))),
  ]
}

/** Every step of an aggregation by sliding window, each result computed anew from the records that are in the window. */
export function slidingSteps(input: readonly Given[], { difference, grace, retention, every = 0 }: Slides, fold: Fold): readonly Step[] {
  let windows: readonly Window[] = []
  let time = -1
  let written = -1
  let closed = -1
  let now = 0
  let next = 0
  const visible = ({ start }: Window): boolean => start > written - retention
  const put = (window: Window): string | null => {
    const value = fold(valuesOf(window))
    windows = windows.filter(each => each.key !== window.key || each.start !== window.start)
    written = Math.max(written, window.start)
    if (value !== null && visible(window)) windows = [...windows, window]
    return value
  }
  const finals = (close: number): Told[] => {
    if (now < next) return []
    next = now + every
    if (close - difference - 1 < 0 || close <= closed) return []
    const from = Math.max(closed, difference)
    const over = windows.filter(each => visible(each) && each.start + difference >= from && each.start + difference < close)
    closed = close
    return over
      .toSorted((a, b) => a.start - b.start || Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
      .map(each => ({ key: each.key, start: each.start, value: fold(valuesOf(each)), at: last(each) }))
  }
  return input.map(given => {
    now += given.wait ?? 0
    if (given.key === null || given.value === null) return { updates: [], finals: [] }
    const record = given as Taken
    const { key, at } = record
    time = Math.max(time, at)
    const close = time - grace
    if (at + difference < close) return { updates: [], finals: [] }
    const own = windows.filter(each => each.key === key && visible(each) && each.start >= at - 2 * difference && each.start <= at + 1)
    const updates = changes(own, record, difference).flatMap(({ start, records, joined }) => {
      if (joined && start + difference < close) return []
      const window = { key, start, records: joined ? [...records, record] : records }
      return [{ key, start, value: put(window), at: last(window) }]
    })
    return { updates, finals: at < difference ? [] : finals(close) }
  })
}
