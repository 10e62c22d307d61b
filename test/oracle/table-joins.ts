/** A change of one of two tables, in the order in which they come: the row that a key then has on that side, null for none. */
export interface Move {
  readonly side: 'left' | 'right'
  readonly key: string
  readonly value: string | null
  /** Epoch milliseconds. */
  readonly at: number
  /** The time of the row as who reads it finds it, where that is another. */
  readonly stands?: number
}

/** What is told of a joined row: what it was, what it is, when, and the time of the row as who reads it finds it. */
export interface Joined {
  readonly key: string
  readonly before: string | null
  readonly after: string | null
  readonly at: number
  readonly stands: number
}

/** Sides without which there is no joined row. */
export interface Needs {
  readonly left: boolean
  readonly right: boolean
}

/** Makes a row of two, one of which may be missing. */
export type Meet = (left: string | null, right: string | null, key: string) => string | null

interface Cell {
  readonly value: string | null
  readonly at: number
}

/** The row that a side has for a key after some moves. */
function cell(moves: readonly Move[], side: Move['side'], key: string): Cell {
  const last = moves.findLast(each => each.side === side && each.key === key)
  return last === undefined || last.value === null ? { value: null, at: -1 } : { value: last.value, at: last.stands ?? last.at }
}

const across = { left: 'right', right: 'left' } as const

/**
 * Everything that a join of two tables tells, from the moves alone. A move is told of when the other side has a row; without one only if the join can do without, and
 * the moved row was or is there.
 */
export function joins(moves: readonly Move[], needs: Needs, meet: Meet): readonly (readonly Joined[])[] {
  return moves.map(({ side, key, at }, i) => {
    const row = (own: Cell, other: Cell): string | null => {
      const [left, right] = side === 'left' ? [own.value, other.value] : [other.value, own.value]
      const lacks = (needs.left && left === null) || (needs.right && right === null) || (left === null && right === null)
      return lacks ? null : meet(left, right, key)
    }
    const other = cell(moves.slice(0, i), across[side], key)
    const was = cell(moves.slice(0, i), side, key)
    const is = cell(moves.slice(0, i + 1), side, key)
    if (other.value === null && (needs[across[side]] || (was.value === null && is.value === null))) return []
    return [{ key, before: row(was, other), after: row(is, other), at: Math.max(at, other.at), stands: Math.max(is.at, other.at) }]
  })
}
