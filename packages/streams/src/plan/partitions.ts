import type { Node } from '../contract/node.ts'
import { RiachoError } from '../errors.ts'
import { internal, type SubTopology } from './cut.ts'
import type { Topology } from './topology.ts'

/**
 * Partition counts of every topic that the application reads: those of its sources are given, a repartition topic has what it says, else the most of any topic
 * upstream. Throws `RIACHO_NOT_COPARTITIONED` when the inputs of a keyed operator differ.
 */
export function partitionCounts(plan: Topology, external: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const counts = new Map(external)
  const of = (node: Node, through: boolean, seen = new Set<Node>()): readonly number[] => {
    if (seen.has(node)) return []
    seen.add(node)
    if (node.source !== undefined) {
      const topics = node.source.connector === undefined ? node.source.topics : [internal.positions(plan.id, node.source.connector.name)]
      return topics.map(topic => counts.get(topic) ?? 1)
    }
    if (through && node.repartition !== undefined && !plan.unmoved.has(node))
      return [counts.get(internal.repartition(plan.id, node.repartition))!]
    return node.parents.flatMap(parent => of(parent, true, seen))
  }
  for (const node of plan.nodes) {
    if (node.repartition !== undefined && !plan.unmoved.has(node)) {
      counts.set(
        internal.repartition(plan.id, node.repartition),
        plan.whole ? 1 : (node.repartition.partitions ?? Math.max(1, ...of(node.repartition.meets ?? node, false))),
      )
    }
    if (node.keyed && new Set(of(node, false)).size > 1) {
      throw new RiachoError(
        'RIACHO_NOT_COPARTITIONED',
        `'${node.label}' meets inputs of ${[...new Set(of(node, false))].join(' and ')} partitions: put a repartition before it${node.async === undefined ? '' : ", or give it { order: 'partition' }"}`,
        { place: { node: node.label } },
      )
    }
  }
  return counts
}

/** Tasks of a sub-topology: the most partitions of its topics. */
export function taskCount(part: SubTopology, counts: ReadonlyMap<string, number>): number {
  return Math.max(...part.topics.map(topic => counts.get(topic) ?? 1))
}
