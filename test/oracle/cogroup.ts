/** A record as it was written to one of the inputs. */
export interface Arrival {
  /** Which input. */
  readonly input: number
  readonly key: string | null
  readonly value: string | null
  /** Epoch milliseconds. */
  readonly at: number
}

/** A window of an aligned kind that a result is of; `undefined` without windows. */
export interface Spans {
  readonly size: number
  readonly advance: number
  readonly grace: number
  /** How long the shared store shows a window after its start. */
  readonly retention: number
}

/** A result that is handed on. */
export interface Result {
  readonly key: string
  readonly start?: number
  readonly value: string | null
  readonly at: number
}

/** What becomes of the arrivals of a key since its result was last deleted; null deletes it again. */
export type Whole = (arrivals: readonly Arrival[]) => string | null

interface Written extends Arrival {
  readonly start: number | undefined
  readonly deletes: boolean
  /** The store did not take it: it had forgotten the window already. */
  readonly forgotten: boolean
}

/** The starts of the windows that hold a time, oldest first. */
function startsAt(at: number, { size, advance }: Spans): readonly number[] {
  const starts: number[] = []
  for (let start = 0; start <= at; start += advance) if (at < start + size) starts.push(start)
  return starts
}

/**
 * Every result of several inputs in one store, computed from the inputs alone: for each arrival, and each of its windows that what came on the same input has not
 * closed, all arrivals of the key and window are taken from the history again, from the last deletion on.
 */
export function cogrouped(arrivals: readonly Arrival[], spans: Spans | undefined, whole: Whole): readonly Result[] {
  const history: Written[] = []
  return arrivals.flatMap((arrival, i) => {
    const { key, at, input } = arrival
    if (key === null || (arrival.value === null && spans === undefined)) return []
    const sameInput = arrivals.slice(0, i + 1).filter(each => each.input === input && each.key !== null)
    const time = Math.max(...sameInput.map(each => each.at))
    const open = spans === undefined ? [undefined] : startsAt(at, spans).filter(start => start + spans.size + spans.grace > time)
    return open.map(start => {
      const newest = Math.max(-1, ...history.map(each => each.start ?? 0))
      const expired = (of: number | undefined, newest: number): boolean => spans !== undefined && of! <= newest - spans.retention
      const own = history.filter(each => each.key === key && each.start === start && !each.forgotten)
      const since = expired(start, newest) ? [] : own.slice(own.findLastIndex(each => each.deletes) + 1)
      const value = whole([...since, arrival])
      const forgotten = expired(start, Math.max(newest, start ?? 0))
      history.push({ ...arrival, start, deletes: value === null, forgotten })
      const last = Math.max(at, ...since.map(each => each.at))
      return start === undefined ? { key, value, at: last } : { key, start, value, at: last }
    })
  })
}
