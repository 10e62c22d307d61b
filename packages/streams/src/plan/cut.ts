import type { Node, RepartitionFacts, RetryFacts } from '../contract/node.ts'
import type { StoreSpec } from '../contract/task.ts'
import { storesOf } from './wishes.ts'

/** Names of the topics that an application owns. */
export const internal = {
  repartition: (id: string, { name, suffix = 'repartition' }: Pick<RepartitionFacts, 'name' | 'suffix'>): string =>
    `${id}-${name}-${suffix}`,
  changelog: (id: string, store: string): string => `${id}-${store}-changelog`,
  retry: (id: string, { name, delays }: Pick<RetryFacts, 'name' | 'delays'>): readonly string[] =>
    Array.from({ length: Math.max(1, delays.length) }, (_, i) => `${id}-${name}-retry-${i + 1}`),
  positions: (id: string, source: string): string => `${id}-${source}-positions`,
}

/** Whether a store has a changelog of its own. */
export const isLogged = (sourceLogs: ReadonlyMap<string, unknown>, { name, logged }: StoreSpec): boolean =>
  logged !== false && !sourceLogs.has(name)

/** A part of a plan whose nodes run in one task: nothing between them goes through a topic. */
export interface SubTopology {
  readonly index: number
  /** Nodes that belong to it, parents before children. A `rekey` that moves data belongs to the part that writes its topic. */
  readonly nodes: readonly Node[]
  /** `rekey`s whose topic it reads. */
  readonly reads: readonly Node[]
  /** Topics that it reads: those of sources, of `rekey`s, of retries, and the positions of connectors. */
  readonly topics: readonly string[]
  readonly stores: readonly StoreSpec[]
  /** It has an asynchronous stage, and so a producer of its own per task. */
  readonly async: boolean
}

interface Drawing {
  readonly id: string
  readonly nodes: readonly Node[]
  readonly unmoved: ReadonlySet<Node>
  readonly kept: ReadonlySet<Node>
  readonly whole: boolean
}

/** Cuts a plan at every topic that it writes and reads, and joins parts again that share a source topic or a store. */
export function cut({ id, nodes, unmoved, kept, whole }: Drawing): readonly SubTopology[] {
  const moved = (node: Node): boolean => node.repartition !== undefined && !unmoved.has(node)
  const parts = new Parts()
  for (const node of nodes) {
    parts.add(node)
    if (moved(node)) parts.add(reading(node))
    for (const parent of node.parents) parts.join(node, moved(parent) ? reading(parent) : parent)
    for (const topic of node.source?.topics ?? []) parts.join(node, `topic ${topic}`)
    for (const spec of storesOf(node, kept)) parts.join(node, `store ${spec.name}`)
    if (whole) {
      parts.join(node, 'whole')
      if (moved(node)) parts.join(reading(node), 'whole')
    }
  }
  const groups = new Map<unknown, { nodes: Node[]; reads: Node[] }>()
  const groupOf = (member: unknown): { nodes: Node[]; reads: Node[] } => {
    const root = parts.root(member)
    const found = groups.get(root) ?? { nodes: [], reads: [] }
    groups.set(root, found)
    return found
  }
  for (const node of nodes) {
    groupOf(node).nodes.push(node)
    if (moved(node)) groupOf(reading(node)).reads.push(node)
  }
  return Object.freeze(
    [...groups.values()].map(({ nodes: own, reads }, index) => {
      const sources = own.filter(node => node.source !== undefined)
      const topics = new Set([
        ...sources.flatMap(node =>
          node.source!.connector === undefined ? node.source!.topics : [internal.positions(id, node.source!.connector.name)],
        ),
        ...reads.map(node => internal.repartition(id, node.repartition!)),
        ...own.flatMap(node => (node.retries === undefined ? [] : internal.retry(id, node.retries))),
      ])
      const stores = [...new Set(own.flatMap(node => storesOf(node, kept)))]
      return Object.freeze({ index, nodes: own, reads, topics: [...topics], stores, async: own.some(node => node.async !== undefined) })
    }),
  )
}

/** The half of a `rekey` that reads its topic, as a member of a part. */
const reading = (node: Node): string => `reading ${node.repartition!.name}`

/** Union-find. */
class Parts {
  readonly #up = new Map<unknown, unknown>()

  add(member: unknown): void {
    if (!this.#up.has(member)) this.#up.set(member, member)
  }

  root(member: unknown): unknown {
    this.add(member)
    let at = member
    while (this.#up.get(at) !== at) at = this.#up.get(at)
    return at
  }

  join(a: unknown, b: unknown): void {
    this.#up.set(this.root(a), this.root(b))
  }
}
