/** A record as it was written to one of both inputs. */
export interface Given {
  readonly side: 'left' | 'right'
  readonly key: string | null
  readonly value: string | null
  /** Epoch milliseconds. */
  readonly at: number
  /** Wall clock at which it was taken. */
  readonly wall: number
}

/** A record that must stand in the output: 'left|right', '-' for nothing. */
export interface Wanted {
  readonly key: string | null
  readonly value: string
  readonly at: number
}

/** A join: a left record at t meets the right ones in [t - before, t + after]. */
export interface Spec {
  readonly how: 'inner' | 'left' | 'outer'
  readonly before: number
  readonly after: number
  readonly grace: number
  /** Milliseconds of the wall clock between two looks for what met nothing. */
  readonly emitEvery: number
}

interface Kept extends Given {
  readonly index: number
}

const text = (left: string | null, right: string | null): string => `${left ?? '-'}|${right ?? '-'}`
const shown = ({ side, value }: Given, other: string | null): string => (side === 'left' ? text(value, other) : text(other, value))
const greatest = (records: readonly Given[]): number => Math.max(-1, ...records.map(record => record.at))
const byTime = (a: Kept, b: Kept): number => a.at - b.at || a.index - b.index

/** The records among `input` that a store of `retention` milliseconds still shows: those with a key and a value that no later one of them has hidden. */
function visible(input: readonly Kept[], retention: number): Kept[] {
  const stored = input.filter(record => record.key !== null)
  const time = greatest(stored)
  return stored.filter(record => record.value !== null && record.at > time - retention).sort(byTime)
}

/** The records before `record` that it meets. No time lies before 0, so a range that would end there ends at 0. */
function partners(record: Kept, input: readonly Kept[], { before, after, grace }: Spec): Kept[] {
  const [back, ahead] = record.side === 'left' ? [before, after] : [after, before]
  const others = input.slice(0, record.index).filter(each => each.side !== record.side)
  return visible(others, before + after + grace).filter(
    each => each.key === record.key && each.at >= record.at - back && each.at <= Math.max(0, record.at + ahead),
  )
}

/**
 * Everything that a join must hand on, computed from the input alone: the pairs of each record are looked for in the whole history. What met nothing is kept in
 * a list that is sorted and walked through whenever it may hold something whose window has closed; the walk ends one record after it has met a record of each
 * side that must wait on.
 */
export function joined(given: readonly Given[], spec: Spec): Wanted[] {
  const input = given.map((record, index) => ({ ...record, index }))
  const { how, before, after, grace } = spec
  let waiting: Kept[] = []
  /** Where the last walk ended, or an earlier record that came since; undefined when nothing waited. */
  let known: number | undefined
  let nextLook = 0
  return input.flatMap(record => {
    const { key, value, at, side } = record
    const out: Wanted[] = []
    const time = greatest(input.slice(0, record.index + 1))
    const alone = how === 'outer' || (how === 'left' && side === 'left')
    if (value === null || (key === null && !alone)) return out
    if (key === null) return [{ key, value: shown(record, null), at }]
    const ahead = side === 'left' ? after : before
    const mayHaveClosed = known === undefined ? ahead + grace > 0 : known + ahead + grace < time
    if (how !== 'inner' && at === time && mayHaveClosed && record.wall >= nextLook) {
      nextLook = record.wall + spec.emitEvery
      const looked = look(waiting, time, spec)
      known = looked.last
      waiting = waiting.filter(each => !looked.closed.includes(each))
      out.push(...looked.closed.map(each => ({ key: each.key, value: shown(each, null), at: each.at })))
    }
    const met = partners(record, input, spec)
    waiting = waiting.filter(each => !met.some(other => other.side === each.side && other.key === each.key && other.at === each.at))
    out.push(...met.map(other => ({ key, value: shown(record, other.value), at: Math.max(at, other.at) })))
    if (met.length > 0 || !alone) return out
    if (Math.max(0, at + ahead) < time) return [...out, { key, value: shown(record, null), at }]
    known = Math.min(known ?? at, at)
    waiting.push(record)
    return out
  })
}

function look(waiting: readonly Kept[], time: number, { before, after, grace }: Spec): { closed: Kept[]; last: number | undefined } {
  const order = [...waiting].sort(
    (a, b) =>
      a.at - b.at ||
      (a.side === b.side ? Buffer.compare(Buffer.from(a.key!), Buffer.from(b.key!)) || a.index - b.index : a.side === 'right' ? -1 : 1),
  )
  const closed: Kept[] = []
  const open = new Set<string>()
  let last: number | undefined
  for (const each of order) {
    last = each.at
    if (open.size === 2) break
    if (each.at + (each.side === 'left' ? after : before) + grace >= time) open.add(each.side)
    else closed.push(each)
  }
  return { closed, last }
}

/** Everything that a stream joined with itself over one store must hand on. */
export function joinedWithItself(given: readonly Given[], { before, after, grace }: Spec): Wanted[] {
  const retention = before + after + grace
  const input = given.map((record, index) => ({ ...record, index }))
  return input.flatMap(({ key, value, at, index }) => {
    if (key === null || value === null) return []
    const earlier = visible(input.slice(0, index), retention).filter(each => each.key === key)
    const within = (back: number, ahead: number) => earlier.filter(each => each.at >= at - back && each.at <= Math.max(0, at + ahead))
    const asLeft = within(before, after).map(other => ({ key, value: text(value, other.value), at: Math.max(at, other.at) }))
    const asRight = within(after, before).map(other => ({ key, value: text(other.value, value), at: Math.max(at, other.at) }))
    const time = greatest(input.slice(0, index + 1).filter(each => each.key !== null && each.value !== null))
    const itself = at > time - retention + 1 ? [{ key, value: text(value, value), at }] : []
    const notLater = asRight.filter(each => each.at === at)
    return [...asLeft, ...notLater, ...itself, ...asRight.slice(notLater.length)]
  })
}
