import type { Node } from '../contract/node.ts'
import type { StoreSpec } from '../contract/task.ts'
import { internal, type SubTopology } from './cut.ts'
import type { Topology } from './topology.ts'
import { storesOf } from './wishes.ts'

/** A node of a plan in words. A `rekey` that moves data is two: a sink where it writes its topic and a source where it reads it. */
export interface NodeDescription {
  readonly type: 'source' | 'processor' | 'sink'
  /** The node's label, made unique in the plan. */
  readonly name: string
  /** Topics that a source reads. */
  readonly topics?: readonly string[]
  /** The external system that a source reads, and who remembers how far. */
  readonly connector?: { readonly name: string; readonly positions: 'replayable' | 'acknowledged' }
  /** The topic that a sink writes; null when a function chooses it per record. */
  readonly topic?: string | null
  /** Partitions of a repartition topic, when the plan says them. */
  readonly partitions?: number
  readonly stores: readonly string[]
  /** The topic that it reads is the changelog of its stores. */
  readonly sourceLog?: true
  /** Of an asynchronous stage: the order in which its results leave, and whether its work may be done twice without a trace. */
  readonly async?: { readonly order: 'key' | 'partition'; readonly idempotent: boolean }
  /** Topics in which records wait that it tries again later. */
  readonly retryTopics?: readonly string[]
  /** Global tables whose rows it reads, by their topics. */
  readonly globals?: readonly string[]
  /** Topics to which it writes dead letters. */
  readonly deadLetters: readonly string[]
  /** A `rekey` whose topic is left out of the plan, because no keyed operator follows. */
  readonly unmoved: boolean
  readonly successors: readonly string[]
  readonly predecessors: readonly string[]
}

/** A part of a plan that runs in one task: sources, then processors, then sinks, each in the order of the plan. */
export interface SubTopologyDescription {
  readonly index: number
  readonly nodes: readonly NodeDescription[]
}

/** A table that every instance of the application holds whole. */
export interface GlobalDescription {
  readonly topic: string
  readonly store: string
}

/** A plan as plain data, ready for JSON. */
export interface TopologyDescription {
  readonly id: string
  readonly fingerprint: string
  readonly subTopologies: readonly SubTopologyDescription[]
  readonly globals: readonly GlobalDescription[]
  /** All stores, in the order of the plan. */
  readonly stores: readonly StoreDescription[]
}

/** A store of a plan. */
export interface StoreDescription {
  readonly name: string
  readonly kind: StoreSpec['kind']
  /** Milliseconds, of stores whose rows expire. */
  readonly retention?: number
  /** False: it has no changelog. */
  readonly logged: boolean
  /** The topic that its table reads, where that is its changelog. */
  readonly sourceLog?: string
}

/**
 * Describes a plan as plain data: what `describe` and `describeMermaid` show.
 *
 * @example
 * console.log(JSON.stringify(describeJson(app), null, 2))
 */
export function describeJson(topology: Topology): TopologyDescription {
  const names = nameAll(topology)
  const subTopologies = topology.subTopologies.map(part => ({ index: part.index, nodes: nodesOf(topology, part, names) }))
  const globals = topology.globals.map(({ source, store }) => ({ topic: source.topics[0]!, store: store.name }))
  const stores = Array.from(topology.stores.values(), ({ name, kind, retention, logged = true }) => ({
    name,
    kind,
    ...(retention !== undefined && { retention }),
    logged,
    ...(topology.sourceLogs.has(name) && { sourceLog: topology.sourceLogs.get(name)!.source!.topics[0]! }),
  }))
  return { id: topology.id, fingerprint: topology.fingerprint, subTopologies, globals, stores }
}

/** The name under which a node takes records, and the one under which it hands them on: they differ only when a topic lies between. */
interface Names {
  readonly taking: string
  readonly handing: string
}

function nameAll(topology: Topology): ReadonlyMap<Node, Names> {
  const taken = new Set<string>()
  const unique = (label: string): string => {
    let name = label
    for (let n = 2; taken.has(name); n++) name = `${label}-${n}`
    taken.add(name)
    return name
  }
  const of = (node: Node): Names => {
    if (isMoved(topology, node))
      return { taking: unique(`${node.label}-repartition-sink`), handing: unique(`${node.label}-repartition-source`) }
    const name = unique(node.label)
    return { taking: name, handing: name }
  }
  return new Map(topology.nodes.map(node => [node, of(node)]))
}

/** Nothing comes out of it: it ends a stream, or gathers the ends of others (routes that all end in topics). */
const isEnd = (node: Node): boolean => node.sink !== undefined || isIdle(node)
const isIdle = (node: Node): boolean => node.kind === 'merge' && node.parents.every(isEnd)

const isMoved = (topology: Topology, node: Node): boolean => node.repartition !== undefined && !topology.unmoved.has(node)

const ranks = { source: 0, processor: 1, sink: 2 } as const

function nodesOf(topology: Topology, part: SubTopology, names: ReadonlyMap<Node, Names>): readonly NodeDescription[] {
  const reading = part.reads.map(node => readingHalf(topology, node, names))
  const own = part.nodes.filter(node => !isIdle(node)).map(node => described(topology, node, names))
  return [...reading, ...own].sort((a, b) => ranks[a.type] - ranks[b.type])
}

function readingHalf(topology: Topology, node: Node, names: ReadonlyMap<Node, Names>): NodeDescription {
  return {
    type: 'source',
    name: names.get(node)!.handing,
    topics: [internal.repartition(topology.id, node.repartition!)],
    stores: [],
    deadLetters: [],
    unmoved: false,
    successors: successorsOf(topology, node, names),
    predecessors: [],
  }
}

function described(topology: Topology, node: Node, names: ReadonlyMap<Node, Names>): NodeDescription {
  const moved = isMoved(topology, node)
  const stores = storesOf(node, topology.kept)
  return {
    name: names.get(node)!.taking,
    ...placeOf(topology, node, moved),
    stores: stores.map(spec => spec.name),
    ...(stores.some(spec => topology.sourceLogs.has(spec.name)) && { sourceLog: true }),
    ...(node.async && { async: { order: topology.ordered.has(node) ? 'partition' : 'key', idempotent: node.async.idempotent } }),
    ...(node.retries && { retryTopics: internal.retry(topology.id, node.retries) }),
    ...(node.globals && { globals: node.globals.flatMap(({ source }) => source.topics) }),
    deadLetters: node.deadLetters ?? [],
    unmoved: topology.unmoved.has(node),
    successors: moved || node.sink !== undefined ? [] : successorsOf(topology, node, names),
    predecessors: node.parents.filter(parent => !isEnd(parent)).map(parent => names.get(parent)!.handing),
  }
}

function placeOf(
  topology: Topology,
  { source, sink, repartition }: Node,
  moved: boolean,
): Pick<NodeDescription, 'type' | 'topics' | 'connector' | 'topic' | 'partitions'> {
  if (source?.connector !== undefined)
    return { type: 'source', connector: { name: source.connector.name, positions: source.connector.positions } }
  if (source !== undefined) return { type: 'source', topics: source.topics }
  if (sink !== undefined) return { type: 'sink', topic: typeof sink.topic === 'string' ? sink.topic : null }
  if (!moved) return { type: 'processor' }
  const { partitions } = repartition!
  return { type: 'sink', topic: internal.repartition(topology.id, repartition!), ...(partitions !== undefined && { partitions }) }
}

const successorsOf = (topology: Topology, node: Node, names: ReadonlyMap<Node, Names>): readonly string[] =>
  topology.children.get(node)!.map(child => names.get(child)!.taking)
