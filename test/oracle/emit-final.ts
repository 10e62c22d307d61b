/** A record as it was written to the input. */
export interface Given {
  readonly key: string | null
  readonly value: string | null
  /** Epoch milliseconds. */
  readonly at: number
  /** Milliseconds of the wall clock that pass before it comes. */
  readonly wait?: number
}

/** Windows of `size` milliseconds at multiples of `advance`, closed `grace` after their end, forgotten `retention` after their start; looked for at most every `every`. */
export interface Closing {
  readonly size: number
  readonly advance: number
  readonly grace: number
  readonly retention: number
  readonly every: number
}

/** The last result of a window, with the time of its last record. */
export interface Final {
  readonly key: string
  readonly start: number
  readonly value: string
  readonly at: number
}

/** What becomes of the values of a key in a window since it was last deleted; null deletes it. */
export type Fold = (values: readonly (string | null)[]) => string | null

interface Window {
  readonly key: string
  readonly start: number
  readonly records: readonly Given[]
}

/** The windows of each key, with what they took: records that came before the window closed, after they were last deleted. */
function windowsOf(taken: readonly Given[], { size, advance, grace }: Closing, fold: Fold): readonly Window[] {
  const windows = new Map<string, Window>()
  let time = -1
  for (const record of taken) {
    const { key, at } = record
    time = Math.max(time, at)
    for (let start = 0; start <= at; start += advance) {
      if (at >= start + size || time - grace >= start + size) continue
      const before = windows.get(`${start} ${key}`)?.records ?? []
      const records = [...before, record]
      const deleted = fold(records.map(each => each.value)) === null
      windows.set(`${start} ${key}`, { key: key!, start, records: deleted ? [] : records })
    }
  }
  return [...windows.values()]
}

/** The final results that each record causes: of all windows that are closed and were not handed on, nor forgotten, when somebody last looked. */
export function finalResults(input: readonly Given[], closing: Closing, fold: Fold): readonly (readonly Final[])[] {
  const done = new Set<string>()
  let now = 0
  let next = 0
  return input.map((record, i) => {
    now += record.wait ?? 0
    if (record.key === null || now < next) return []
    next = now + closing.every
    const taken = input.slice(0, i + 1).filter(each => each.key !== null)
    const close = Math.max(...taken.map(each => each.at)) - closing.grace
    const windows = windowsOf(taken, closing, fold)
    const forgotten = Math.max(-1, ...windows.map(each => each.start)) - closing.retention
    const over = windows.filter(
      each =>
        each.records.length > 0 && each.start > forgotten && each.start + closing.size <= close && !done.has(`${each.start} ${each.key}`),
    )
    for (const each of over) done.add(`${each.start} ${each.key}`)
    return over
      .toSorted((a, b) => a.start - b.start || Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
      .map(({ key, start, records }) => ({
        key,
        start,
        value: fold(records.map(each => each.value))!,
        at: Math.max(...records.map(each => each.at)),
      }))
  })
}
