import type { Node } from '../contract/node.ts'

/** A node while its plan is rewritten. */
export interface Draft {
  readonly from: Node
  /** What is no longer as it was. */
  changes: Partial<Omit<Node, 'parents'>>
  parents: Draft[]
}

/** Drafts of these nodes, which come parents before children. */
export function draftsOf(nodes: readonly Node[]): Draft[] {
  const drafts = new Map<Node, Draft>()
  for (const node of nodes) drafts.set(node, { from: node, changes: {}, parents: node.parents.map(parent => drafts.get(parent)!) })
  return [...drafts.values()]
}

/** The nodes that these drafts became, parents before children; one that nothing changed is the node that it was. */
export function nodesOf(drafts: readonly Draft[]): readonly Node[] {
  const made = new Map<Draft, Node>()
  const make = (draft: Draft): Node => {
    const known = made.get(draft)
    if (known !== undefined) return known
    const { from, changes } = draft
    const parents = draft.parents.map(make)
    const same = Object.keys(changes).length === 0 && from.parents.every((parent, i) => parent === parents[i])
    const node = same ? from : Object.freeze({ ...from, ...changes, parents: Object.freeze(parents) })
    made.set(draft, node)
    return node
  }
  for (const draft of drafts) make(draft)
  return [...made.values()]
}
