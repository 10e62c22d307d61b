/** A record as it was written to the input. */
export interface Given {
  readonly key: string
  readonly value: string | null
  /** Epoch milliseconds. */
  readonly at: number
}

/** Windows of `size` milliseconds at multiples of `advance`, closed `grace` after their end. */
export interface Spans {
  readonly size: number
  readonly advance: number
  readonly grace: number
}

/** A result, of a window when it has a start. */
export interface Result {
  readonly key: string
  readonly start?: number
  readonly end?: number
  readonly value: string | null
  readonly at: number
}

const timeAt = (given: readonly { readonly at: number }[], i: number): number => Math.max(...given.slice(0, i + 1).map(({ at }) => at))

/** The bytes of a key on a topic: text, of a window with its start behind it, of a session with end and start. */
function bytesOf({ key, start, end }: Result, sessions = false): Buffer {
  const long = (n: number): Buffer => Buffer.from(n.toString(16).padStart(16, '0'), 'hex')
  return Buffer.concat([Buffer.from(key), ...(start === undefined ? [] : [...(sessions ? [long(end!)] : []), long(start)])])
}

/**
 * The count of each window, told once: when the time of all records so far has reached its end and grace, all windows that this closes by end and key. A record counts
 * in the windows that are open when it comes.
 */
export function finalCounts(given: readonly Given[], { size, advance, grace }: Spans): Result[] {
  const starts = (at: number): number[] =>
    Array.from({ length: Math.floor(at / advance) + 1 }, (_, i) => i * advance).filter(s => at < s + size)
  const windows = [...new Set(given.flatMap(({ key, at }) => starts(at).map(start => JSON.stringify([key, start]))))]
  const told = windows.flatMap(window => {
    const [key, start] = JSON.parse(window) as [string, number]
    const closes = given.findIndex((_, i) => timeAt(given, i) >= start + size + grace)
    if (closes < 0) return []
    const counted = given.slice(0, closes).filter(each => each.key === key && starts(each.at).includes(start))
    if (counted.length === 0) return []
    const result: Result = { key, start, end: start + size, value: String(counted.length), at: Math.max(...counted.map(({ at }) => at)) }
    return [{ closes, result }]
  })
  return told
    .sort((a, b) => a.closes - b.closes || a.result.end! - b.result.end! || Buffer.compare(bytesOf(a.result), bytesOf(b.result)))
    .map(({ result }) => result)
}

/** The rows of a table, each told at most once in `limit` milliseconds: the first change after a telling opens a wait, and what the key is at its end is told. */
export function limited(given: readonly Given[], limit: number): Result[] {
  const told: { readonly leaves: number; readonly since: number; readonly result: Result }[] = []
  for (const key of new Set(given.map(each => each.key))) {
    for (let i = given.findIndex(each => each.key === key); i >= 0; ) {
      const since = given[i]!.at
      const opened = i
      const leaves = given.findIndex((_, at) => at >= opened && timeAt(given, at) >= since + limit)
      if (leaves < 0) break
      const { value, at } = given.slice(0, leaves + 1).findLast(each => each.key === key)!
      told.push({ leaves, since, result: { key, value, at } })
      i = given.findIndex((each, next) => next > leaves && each.key === key)
    }
  }
  return told
    .sort((a, b) => a.leaves - b.leaves || a.since - b.since || Buffer.compare(bytesOf(a.result), bytesOf(b.result)))
    .map(({ result }) => result)
}

/** How updates wait: by which time they are in order, how long, how many at most, and whether deletions are told. */
export interface Waits {
  readonly time: (update: Result) => number
  readonly wait: number
  readonly recordsMax: number
  readonly deletions: boolean
  readonly sessions: boolean
}

/** What leaves when updates wait in a list that is sorted anew at each; `steps`: the updates that each record makes. */
export function released(steps: readonly (readonly Result[])[], { time, wait, recordsMax, deletions, sessions }: Waits): Result[] {
  let waiting: { readonly place: number; readonly bytes: Buffer; readonly update: Result }[] = []
  const told: Result[] = []
  let now = -1
  for (const update of steps.flat()) {
    now = Math.max(now, update.at)
    const bytes = bytesOf(update, sessions)
    const place = waiting.find(each => each.bytes.equals(bytes))?.place ?? time(update)
    waiting = [...waiting.filter(each => !each.bytes.equals(bytes)), { place, bytes, update }]
    waiting.sort((a, b) => a.place - b.place || Buffer.compare(a.bytes, b.bytes))
    const due = waiting.filter((each, i) => each.place + wait <= now || waiting.length - i > recordsMax)
    waiting = waiting.slice(due.length)
    told.push(...due.map(each => each.update).filter(each => deletions || each.value !== null))
  }
  return told
}
