import type { Node } from '../contract/node.ts'
import { RiachoError } from '../errors.ts'
import type { Windows } from '../window/windows.ts'

/** Milliseconds after a window's end at which its result is final. A session may still grow within its gap. */
export const closesAfter = (windows: Windows): number => (windows.kind === 'session' ? windows.grace + windows.gap : windows.grace)

/**
 * When the windows are closed that come out of a node: the longest that any of the aggregations behind it says (Kafka Streams: `GraphGraceSearchUtil`). Throws
 * `RIACHO_OPTION` when a way to it has no windows.
 */
export function graceOf(node: Node, label: string): number {
  const trail: string[] = []
  const known = new Map<Node, number>()
  const search = (at: Node): number => {
    const found = at.closesAfter ?? known.get(at)
    if (found !== undefined) return found
    trail.push(at.label)
    const parents = flowing(at)
    if (parents.length === 0) throw noWindows(label, trail)
    const grace = Math.max(...parents.map(search))
    trail.pop()
    known.set(at, grace)
    return grace
  }
  return search(node)
}

/** The parents whose records come out of a node again: of a join of a stream with a table the stream. */
function flowing({ table, parents }: Node): readonly Node[] {
  const streams = parents.filter(parent => parent.table === undefined)
  return table === undefined && streams.length > 0 ? streams : parents
}

const noWindows = (label: string, trail: readonly string[]): RiachoError =>
  new RiachoError(
    'RIACHO_OPTION',
    `'${label}' waits until windows close, and no windowed aggregation comes before it (${trail.toReversed().join(' → ')}): aggregate in windows, say { grace }, or wait for a time limit`,
    { place: { node: label } },
  )
