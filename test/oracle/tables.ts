/** A record as it was written to an input. */
export interface Written {
  readonly key: string | null
  readonly value: string | null
  /** Epoch milliseconds. */
  readonly at: number
}

/** One change of a table: the row of a key before and after it; null for none. */
export interface Turn {
  readonly key: string
  readonly before: string | null
  readonly after: string | null
  readonly at: number
}

/** A record that must stand in an output. */
export interface Stands {
  readonly key: string
  readonly value: string | null
  readonly at: number
}

/** The changes of a table that is read from these records: its row is what was written last, whatever its time. */
export function turnsOf(written: readonly Written[]): readonly Turn[] {
  return written.flatMap(({ key, value, at }, i) => {
    if (key === null) return []
    const before = written.slice(0, i).findLast(each => each.key === key)
    return { key, before: before === undefined ? null : before.value, after: value, at }
  })
}

/** The same changes of rows that a function makes of others; null for none. */
export const through = (turns: readonly Turn[], make: (value: string, key: string) => string | null): readonly Turn[] =>
  turns.map(({ key, before, after, at }) => ({
    key,
    before: before === null ? null : make(before, key),
    after: after === null ? null : make(after, key),
    at,
  }))

/** Changes but those from nothing to nothing. */
export const heard = (turns: readonly Turn[]): readonly Turn[] => turns.filter(({ before, after }) => before !== null || after !== null)

/** What a stream of changes says. */
export const told = (turns: readonly Turn[]): readonly Stands[] => turns.map(({ key, after, at }) => ({ key, value: after, at }))

/** The group of a row, and what the row is in it; null: in no group. */
export type Group = (value: string, key: string) => readonly [group: string, member: string] | null

/**
 * What is told of groups of rows: for each change the group that the row left, then the one that it came to, or once if that is the same one. A group's result is
 * made of all its members as the rows then are; null takes the group's row away. Its time is the latest of all that changed it since it last had none.
 */
export function grouped(turns: readonly Turn[], group: Group, whole: (members: readonly string[]) => string | null): readonly Stands[] {
  const all: Stands[] = []
  turns.forEach(({ key, before, after, at }, i) => {
    const from = before === null ? null : group(before, key)
    const to = after === null ? null : group(after, key)
    const others = membersBy(
      turns.slice(0, i).filter(each => each.key !== key),
      group,
    )
    const tell = (name: string, own: readonly string[]): void => {
      const value = whole([...(others.get(name) ?? []), ...own].sort())
      const since = all.slice(all.findLastIndex(each => each.key === name && each.value === null) + 1).filter(each => each.key === name)
      all.push({ key: name, value, at: Math.max(at, ...since.map(each => each.at)) })
    }
    if (from !== null && from[0] !== to?.[0]) tell(from[0], [])
    if (to !== null) tell(to[0], [to[1]])
  })
  return all
}

/** The members of all groups after some changes. */
function membersBy(turns: readonly Turn[], group: Group): ReadonlyMap<string, readonly string[]> {
  const rows = new Map(turns.map(({ key, after }) => [key, after]))
  const members = new Map<string, string[]>()
  for (const [key, row] of rows) {
    const [name, member] = (row === null ? null : group(row, key)) ?? []
    if (name !== undefined) members.set(name, [...(members.get(name) ?? []), member!])
  }
  return members
}
