import type { Node } from '../contract/node.ts'
import { RiachoError } from '../errors.ts'

/** What the nodes of a plan get of what they wish for. */
export interface Granted {
  /** Nodes that send `previous`. */
  readonly asked: ReadonlySet<Node>
  /** Lazy tables that keep their rows. */
  readonly kept: ReadonlySet<Node>
}

/**
 * Grants the wishes of all nodes, in the order in which they were drawn, as Kafka Streams does while a topology is built: so a filter that wants old values only of a
 * table that is kept anyway sees what was asked before it was drawn.
 */
export function grant(nodes: readonly Node[]): Granted {
  const asked = new Set<Node>()
  const kept = new Set<Node>()
  const keep = (node: Node): void => {
    if (node.storesWhenKept === undefined) {
      throw new RiachoError('RIACHO_NAME', `the rows of '${node.label}' are needed, and they are kept nowhere: give it { store: … }`, {
        place: { node: node.label },
      })
    }
    kept.add(node)
  }
  const shown = new Set<Node>()
  const show = (node: Node): void => {
    if (shown.has(node)) return
    shown.add(node)
    if (node.table === 'lazy') keep(node)
    else if (node.table === 'derived') node.parents.forEach(show)
  }
  const ask = (node: Node, force: boolean): boolean => {
    if (asked.has(node)) return true
    for (const { of, previous } of node.wishes ?? []) if (previous === 'ifAsked') ask(node.parents[of]!, true)
    if (node.table === 'lazy') {
      if (!force && !kept.has(node)) return false
      keep(node)
    } else if (node.table === 'derived' && !node.parents.map(parent => ask(parent, force)).every(Boolean)) return false
    asked.add(node)
    return true
  }
  for (const node of [...nodes].sort((a, b) => a.created - b.created)) {
    for (const { of, previous, view } of node.wishes ?? []) {
      const parent = node.parents[of]!
      if (view) show(parent)
      if (previous === undefined || previous === 'ifAsked') continue
      const answered = ask(parent, previous === 'always')
      // What wants old values only where they cost nothing hands them on as soon as it gets them.
      if (previous === 'ifKept' && answered) asked.add(node)
    }
  }
  return { asked, kept }
}

/** The stores that a node has in this plan. */
export function storesOf(node: Node, kept: ReadonlySet<Node>): readonly NonNullable<Node['stores']>[number][] {
  const always = node.stores ?? []
  return kept.has(node) && node.storesWhenKept !== undefined ? [...always, ...node.storesWhenKept] : always
}
