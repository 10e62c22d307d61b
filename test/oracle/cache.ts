/** A change of a table as it is without a cache; `key` says all of the key. */
export interface Update {
  readonly key: string
  readonly value: string | null
  readonly at: number
}

/** A change as it leaves a cache: `old` is the row that left before it. */
export interface Left extends Update {
  readonly old: string | null
}

/**
 * What leaves a cache of `recordsMax` keys: in each commit the last change of each key, in the order of these last changes; before it if one more key would wait. A row
 * that came and went meanwhile does not leave.
 */
export function cached(commits: readonly (readonly Update[])[], recordsMax: number): readonly Left[] {
  const left: Left[] = []
  const leave = (updates: readonly Update[]): void => {
    const last = updates.filter(({ key }, i) => !updates.slice(i + 1).some(later => later.key === key))
    for (const update of last) {
      const old = left.findLast(({ key }) => key === update.key)?.value ?? null
      if (update.value !== null || old !== null) left.push({ ...update, old })
    }
  }
  for (const updates of commits) {
    let from = 0
    updates.forEach((_, i) => {
      if (new Set(updates.slice(from, i + 1).map(({ key }) => key)).size <= recordsMax) return
      leave(updates.slice(from, i + 1))
      from = i + 1
    })
    leave(updates.slice(from))
  }
  return left
}
