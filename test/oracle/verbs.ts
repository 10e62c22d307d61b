/** A record of a stream as a verb sees it. */
export interface Seen {
  readonly key: string
  readonly value: string
  /** Epoch milliseconds. */
  readonly at: number
}

/** What a verb hands on. */
export interface HandedOn {
  readonly key: string
  readonly value: string | readonly string[]
  readonly at: number
}

const ofKey = (input: readonly Seen[], key: string): readonly Seen[] => input.filter(each => each.key === key)
const timeOf = (input: readonly Seen[]): number => Math.max(...input.map(each => each.at))

/** All values of the key so far, joined. */
export const scanned = (input: readonly Seen[]): HandedOn[] =>
  input.map(({ key, at }, i) => ({
    key,
    value: ofKey(input.slice(0, i + 1), key)
      .map(each => each.value)
      .join(''),
    at,
  }))

/** Each value of a key with the one before. */
export const paired = (input: readonly Seen[]): HandedOn[] =>
  input.flatMap(({ key, value, at }, i) => {
    const before = ofKey(input.slice(0, i), key).at(-1)
    return before === undefined ? [] : [{ key, value: [before.value, value], at }]
  })

/** Lists of so many values of a key. */
export const counted = (input: readonly Seen[], size: number): HandedOn[] =>
  input.flatMap(({ key, at }, i) => {
    const all = ofKey(input.slice(0, i + 1), key)
    return all.length % size === 0 ? [{ key, value: all.slice(-size).map(each => each.value), at }] : []
  })

/** The first of equal values of a key within a time; what is too late to know passes. Of several firsts only the latest is remembered, and not for longer. */
export function firsts(input: readonly Seen[], within: number): HandedOn[] {
  const passed: Seen[] = []
  let remembered: Seen[] = []
  for (const [i, record] of input.entries()) {
    const same = (each: Seen): boolean => each.key === record.key && each.value === record.value
    const newest = Math.max(-1, ...remembered.map(each => each.at))
    const known = remembered.find(each => same(each) && each.at >= newest - within)
    if (known !== undefined && Math.abs(known.at - record.at) <= within) continue
    passed.push(record)
    if (record.at < (known?.at ?? timeOf(input.slice(0, i + 1)) - within)) continue
    remembered = [...remembered.filter(each => !same(each)), record]
  }
  return passed
}

/** One record of a key, then none for so long; what is too late to know passes. */
export function throttled(input: readonly Seen[], duration: number): HandedOn[] {
  const held: Seen[] = []
  return input.filter((record, i) => {
    const time = timeOf(input.slice(0, i + 1))
    const last = held.findLast(each => each.key === record.key)
    const known = last !== undefined && last.at > timeOfHeld(held) - duration
    if (known && record.at < last.at + duration) return false
    if (record.at > time - duration) held.push(record)
    return true
  })
}
const timeOfHeld = (held: readonly Seen[]): number => Math.max(-1, ...held.map(each => each.at))

/** The last value of each run of a key, once it has been quiet for so long. */
export function quiet(input: readonly Seen[], duration: number): HandedOn[] {
  let waiting: Seen[] = []
  return input.flatMap((record, i) => {
    const limit = timeOf(input.slice(0, i + 1)) - duration
    const due = waiting.filter(each => each.at <= limit).sort((a, b) => a.at - b.at || (a.key < b.key ? -1 : 1))
    waiting = waiting.filter(each => each.at > limit)
    const own = waiting.find(each => each.key === record.key)
    if (own !== undefined && own.at > record.at) return due
    if (record.at <= limit) return [...due, record]
    waiting = [...waiting.filter(each => each !== own), record]
    return due
  })
}

/** Lists of what comes of a key in a span that its first record begins. */
export function spanned(input: readonly Seen[], span: number): HandedOn[] {
  let open: { readonly key: string; readonly from: number; readonly values: string[] }[] = []
  return input.flatMap(({ key, value }, i) => {
    const time = timeOf(input.slice(0, i + 1))
    const ended = open.filter(each => each.from <= time - span).sort((a, b) => a.from - b.from || (a.key < b.key ? -1 : 1))
    open = open.filter(each => each.from > time - span)
    const own = open.find(each => each.key === key)
    if (own === undefined) open.push({ key, from: time, values: [value] })
    else own.values.push(value)
    return ended.map(({ key, from, values }) => ({ key, value: values, at: from + span }))
  })
}
