/** A record as it was written to the input. */
export interface Visit {
  readonly key: string | null
  readonly value: string | null
  /** Epoch milliseconds. */
  readonly at: number
  /** Of several inputs, which one: each has a time of its own. */
  readonly input?: number
}

/** Sessions end after a pause of more than `gap`, take records until `gap + grace` after their end, and are forgotten `retention` after it. All in milliseconds. */
export interface Rests {
  readonly gap: number
  readonly grace: number
  readonly retention: number
}

/** What becomes of the results of the sessions that a record connects, earliest end first, and of the record's value; null deletes the session. */
export type Fold = (connected: readonly string[], value: string | null) => string | null

/** What is handed on: a session's result, or null for one that is no more; `old` is what it was before. */
export interface Told {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly value: string | null
  readonly old: string | null
}

type Taken = Visit & { readonly key: string }
/** Records of a key that nothing but pauses of at most `gap` separates, in order of arrival. */
type Session = readonly Taken[]

const startOf = (session: Session): number => Math.min(...session.map(each => each.at))
const endOf = (session: Session): number => Math.max(...session.map(each => each.at))

/** Cuts the records of a key wherever time makes a longer pause. */
function cut(records: readonly Taken[], gap: number): readonly Session[] {
  const times = [...new Set(records.map(each => each.at))].sort((a, b) => a - b)
  const firsts = times.filter((time, i) => i === 0 || time - times[i - 1]! > gap)
  return firsts.map((first, i) => records.filter(each => each.at >= first && each.at < (firsts[i + 1] ?? Number.POSITIVE_INFINITY)))
}

/** The result of a session, from its records alone: the last to come connected what the others were without it. */
function resultOf(session: Session, gap: number, fold: Fold): string | null {
  const connected = cut(session.slice(0, -1), gap).map(each => resultOf(each, gap, fold)!)
  return fold(connected, session.at(-1)!.value)
}

/** Everything that a history of sessions tells, step by step: updates, and the last results of those that have closed. */
interface History {
  /** Records of sessions that are still there. */
  readonly standing: readonly Taken[]
  /** The greatest time that came on each input. */
  readonly times: Readonly<Record<number, number>>
  /** The greatest end of any session that has been written. */
  readonly written: number
  /** Up to where sessions have been called closed. */
  readonly closed: number
  readonly updates: readonly Told[]
  readonly finals: readonly Told[]
}

const beginning: History = { standing: [], times: {}, written: -1, closed: -1, updates: [], finals: [] }

function next(before: History, visit: Taken, rests: Rests, fold: Fold): History {
  const { gap, grace, retention } = rests
  const { input = 0 } = visit
  const time = Math.max(before.times[input] ?? -1, visit.at)
  const times = { ...before.times, [input]: time }
  const own = before.standing.filter(each => each.key === visit.key)
  const mine = cut([...own, visit], gap).find(each => each.includes(visit))!
  const others = before.standing.filter(each => !mine.includes(each))
  const start = startOf(mine)
  const end = endOf(mine)
  const close = time - gap - grace
  if (end < close) return finished({ ...before, times, updates: [], finals: [] }, close, rests, fold)
  const value = resultOf(mine, gap, fold)
  const written = Math.max(before.written, end)
  const { key } = visit
  const gone = cut(mine.slice(0, -1), gap).map(each => ({
    key,
    start: startOf(each),
    end: endOf(each),
    value: null,
    old: resultOf(each, gap, fold),
  }))
  const grown = start < visit.at || end > visit.at
  const kept = value === null ? others : [...others, ...mine]
  const after = {
    standing: seen(kept, written - retention, gap),
    times,
    written,
    closed: before.closed,
    updates: [...(grown ? gone : []), { key, start, end, value, old: null }],
    finals: [],
  }
  return finished(after, close, rests, fold)
}

/** Without the sessions that ended at this time or before. */
function seen(standing: readonly Taken[], expired: number, gap: number): readonly Taken[] {
  const keys = [...new Set(standing.map(each => each.key))]
  const gone = keys
    .flatMap(key =>
      cut(
        standing.filter(each => each.key === key),
        gap,
      ),
    )
    .filter(each => endOf(each) <= expired)
  return standing.filter(each => !gone.some(session => session.includes(each)))
}

function finished(at: History, close: number, { gap }: Rests, fold: Fold): History {
  const from = Math.max(0, at.closed)
  if (close - 1 < from) return at
  const keys = [...new Set(at.standing.map(each => each.key))]
  const ended = keys
    .flatMap(key =>
      cut(
        at.standing.filter(each => each.key === key),
        gap,
      ),
    )
    .filter(each => endOf(each) >= from && endOf(each) < close)
  const finals = ended.map(each => ({
    key: each[0]!.key,
    start: startOf(each),
    end: endOf(each),
    value: resultOf(each, gap, fold),
    old: null,
  }))
  finals.sort((a, b) => a.end - b.end || Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
  return { ...at, closed: close, finals }
}

/** Every step of an aggregation by session, computed anew from the records that are in it. */
export function sessionSteps(input: readonly Visit[], rests: Rests, fold: Fold): readonly Pick<History, 'updates' | 'finals'>[] {
  let at = beginning
  return input.flatMap(visit => {
    if (visit.key === null) return []
    at = next(at, visit as Taken, rests, fold)
    return [at]
  })
}
