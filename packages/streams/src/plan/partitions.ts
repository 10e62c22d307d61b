import type { Node } from '../contract/node.ts'
import { RiachoError } from '../errors.ts'
import { internal, type SubTopology } from './cut.ts'
import type { Topology } from './topology.ts'

/**
 * Partition counts of every topic that the application reads: those of its sources are given; a repartition topic has what it says, else as many as what its records
 * meet at a keyed operator, else the most of any topic upstream (Kafka Streams: `CopartitionedTopicsEnforcer`). Throws `RIACHO_NOT_COPARTITIONED` when the inputs of
 * a keyed operator cannot agree.
 */
export function partitionCounts(plan: Topology, external: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const counts = new Map(external)
  for (const node of plan.nodes) {
    if (!moves(plan, node)) continue
    const upstream = topicsOf(plan, node, false)
    const most = Math.max(1, ...upstream.map(({ topic }) => counts.get(topic) ?? 1))
    counts.set(internal.repartition(plan.id, node.repartition!), plan.whole ? 1 : (node.repartition!.partitions ?? most))
  }
  const keyed = plan.nodes.filter(node => node.keyed)
  const meetings = [...keyed.map(node => meeting(plan, [node])), ...sharing(keyed).map(nodes => meeting(plan, nodes))]
  // What two of them agree on may be news to a third.
  for (let round = 0; round < meetings.length; round++) for (const { inputs } of meetings) agree(inputs, counts)
  for (const each of meetings) check(each, counts)
  return counts
}

/** Nodes that have the same keys in the same task, and what they read. */
interface Meeting {
  readonly nodes: readonly Node[]
  readonly inputs: readonly Input[]
}

/** A topic that a task reads. */
interface Input {
  readonly topic: string
  /** It has as many partitions as what it meets. */
  readonly free: boolean
}

const moves = (plan: Topology, node: Node): boolean => node.repartition !== undefined && !plan.unmoved.has(node)

/** The topics that a node's records come from last. `through`: its own repartition topic too. */
function topicsOf(plan: Topology, node: Node, through: boolean, seen = new Set<Node>()): readonly Input[] {
  if (seen.has(node)) return []
  seen.add(node)
  if (node.source !== undefined) {
    const topics = node.source.connector === undefined ? node.source.topics : [internal.positions(plan.id, node.source.connector.name)]
    return topics.map(topic => ({ topic, free: false }))
  }
  if (through && moves(plan, node)) {
    return [{ topic: internal.repartition(plan.id, node.repartition!), free: node.repartition!.partitions === undefined }]
  }
  return node.parents.flatMap(parent => topicsOf(plan, parent, true, seen))
}

const meeting = (plan: Topology, nodes: readonly Node[]): Meeting => ({ nodes, inputs: nodes.flatMap(node => topicsOf(plan, node, false)) })

/** Nodes that keep what belongs to a key in the same store. */
function sharing(keyed: readonly Node[]): readonly (readonly Node[])[] {
  const byStore = Map.groupBy(
    keyed.flatMap(node => (node.stores ?? []).map(store => ({ node, store }))),
    ({ store }) => store,
  )
  return [...byStore.values()].filter(users => users.length > 1).map(users => users.map(({ node }) => node))
}

function agree(inputs: readonly Input[], counts: Map<string, number>): void {
  const bound = inputs.filter(({ free }) => !free)
  const agreed = Math.max(...(bound.length > 0 ? bound : inputs).map(({ topic }) => counts.get(topic) ?? 1))
  for (const { topic, free } of inputs) if (free) counts.set(topic, agreed)
}

function check({ nodes, inputs }: Meeting, counts: ReadonlyMap<string, number>): void {
  const found = new Set(inputs.map(({ topic }) => counts.get(topic) ?? 1))
  if (found.size <= 1) return
  const { label, async } = nodes[0]!
  const shared = nodes.length > 1
  const who = shared ? `${nodes.map(node => `'${node.label}'`).join(' and ')} share a store and meet` : `'${label}' meets`
  const wayOut = shared ? ', or give them { keyed: false }' : async === undefined ? '' : ", or give it { order: 'partition' }"
  throw new RiachoError(
    'RIACHO_NOT_COPARTITIONED',
    `${who} inputs of ${[...found].join(' and ')} partitions: put a repartition before it${wayOut}`,
    { place: { node: label } },
  )
}

/** Tasks of a sub-topology: the most partitions of its topics. */
export function taskCount(part: SubTopology, counts: ReadonlyMap<string, number>): number {
  return Math.max(...part.topics.map(topic => counts.get(topic) ?? 1))
}
