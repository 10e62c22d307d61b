import { createHash } from 'node:crypto'
import type { GlobalFacts, Node } from '../contract/node.ts'
import type { StoreSpec } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { isStream, type Stream } from '../stream.ts'
import { cut, type SubTopology } from './cut.ts'
import { checkName } from './node.ts'
import { checkKeySerdes } from './serdes.ts'
import { grant, storesOf } from './wishes.ts'

const mark = Symbol.for('riacho.topology')

/** A checked, frozen plan: print it, compare it, test it, run it. */
export interface Topology {
  readonly id: string
  /** All nodes, parents before children. */
  readonly nodes: readonly Node[]
  /** Children of a node in the order in which they were declared. */
  readonly children: ReadonlyMap<Node, readonly Node[]>
  /** `rekey`s whose topic no keyed operator needs: they only select the key. */
  readonly unmoved: ReadonlySet<Node>
  /** Nodes that are asked for `previous`. */
  readonly asked: ReadonlySet<Node>
  /** Lazy tables that keep their rows. */
  readonly kept: ReadonlySet<Node>
  /** Repartitions whose topics take null keys. */
  readonly nullKeys: ReadonlySet<Node>
  /** Asynchronous nodes whose results must leave in input order, because something after them depends on time. */
  readonly ordered: ReadonlySet<Node>
  /** Nodes from which a stage in the same task writes dead letters. */
  readonly origins: ReadonlySet<Node>
  /** Inputs whose values nobody looks at: sources whose serde accepts all bytes, and repartitions, whose bytes are our own. */
  readonly unread: ReadonlySet<Node>
  /** Of its tasks, by name; global tables have theirs. */
  readonly stores: ReadonlyMap<string, StoreSpec>
  /** Stores whose changelog is the topic that their table reads, with that table: see `optimize`. */
  readonly sourceLogs: ReadonlyMap<string, Node>
  /** The global tables that some node reads. */
  readonly globals: readonly GlobalFacts[]
  /** All in one task, every topic with one partition. */
  readonly whole: boolean
  readonly subTopologies: readonly SubTopology[]
  /** Equal for equal plans: kinds, labels, topics, stores and edges. */
  readonly fingerprint: string
  readonly [mark]: true
}

/**
 * Makes a topology of the ends of its streams; what leads to no end is not part of it. `id` names the application: its consumer group and the prefix of its topics.
 * Throws `RIACHO_NAME`, `RIACHO_NOT_A_PLAN`, `RIACHO_KEY_SERDE`.
 *
 * @example
 * export default topology('orders', orders.pipe(count('orders-per-client'), toStream(), to('counts')))
 */
export function topology(id: string, ...ends: readonly Stream<unknown>[]): Topology {
  return draw(
    id,
    ends.map(end => {
      if (!isStream(end))
        throw new RiachoError('RIACHO_NOT_A_PLAN', `topology '${id}': an end is not a Stream: give it what pipe() of a Stream returned`)
      return end.node
    }),
    { whole: false, reused: new Set() },
  )
}

/** The same plan with all its tasks in one sub-topology, as Kafka Streams' `TopologyTestDriver` runs it. */
export function asOneTask(plan: Topology): Topology {
  const leaves = plan.nodes.filter(node => (plan.children.get(node) ?? []).length === 0)
  return draw(plan.id, leaves, { whole: true, reused: new Set(plan.sourceLogs.values()) })
}

/** The plan with these ends instead; `reused`: tables whose own topics are their changelogs. */
export const redraw = (plan: Topology, ends: readonly Node[], reused: ReadonlySet<Node>): Topology =>
  draw(plan.id, ends, { whole: plan.whole, reused })

/** Whether a value is a topology, made by any copy of this package. */
export function isTopology(value: unknown): value is Topology {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[mark] === true
}

interface Drawn {
  readonly whole: boolean
  readonly reused: ReadonlySet<Node>
}

function draw(id: string, ends: readonly Node[], { whole, reused }: Drawn): Topology {
  checkName(id, 'topology')
  if (ends.length === 0) throw new RiachoError('RIACHO_NOT_A_PLAN', `topology '${id}' has no ends: give it the streams to run`)
  const nodes = reachable(ends)
  const children = new Map<Node, Node[]>(nodes.map(node => [node, []]))
  for (const node of nodes) for (const parent of new Set(node.parents)) children.get(parent)!.push(node)
  for (const list of children.values()) list.sort((a, b) => a.created - b.created)
  const unmoved = new Set(
    nodes.filter(node => node.repartition?.optional === true && !leadsTo(node, children, child => child.keyed === true)),
  )
  const { asked, kept } = grant(nodes)
  const stores = allStores(nodes, kept)
  const globals = allGlobals(nodes, stores)
  checkTopics(nodes, unmoved)
  checkKeySerdes(nodes)
  const ordered = new Set(
    nodes.filter(
      node =>
        node.async !== undefined &&
        (node.async.order === 'partition' ||
          (node.async.order === undefined && leadsTo(node, children, child => child.timed === true, unmoved))),
    ),
  )
  const origins = new Set(
    nodes.filter(node => node.deadLetters !== undefined || leadsTo(node, children, child => child.deadLetters !== undefined, unmoved)),
  )
  return Object.freeze({
    id,
    nodes,
    children,
    unmoved,
    asked,
    kept,
    nullKeys: new Set(nodes.filter(node => node.repartition !== undefined && takesNullKeys(node, children))),
    ordered,
    origins,
    unread: new Set(nodes.filter(node => isUnread(node, children))),
    stores,
    sourceLogs: new Map([...reused].flatMap(table => storesOf(table, kept).map(spec => [spec.name, table] as const))),
    globals,
    whole,
    subTopologies: cut({ id, nodes, unmoved, kept, whole }),
    fingerprint: fingerprint(nodes, reused),
    [mark]: true as const,
  })
}

function reachable(ends: readonly Node[]): readonly Node[] {
  const seen = new Set<Node>()
  const walk = (node: Node): void => {
    if (seen.has(node)) return
    for (const parent of node.parents) walk(parent)
    seen.add(node)
  }
  for (const end of ends) walk(end)
  return Object.freeze([...seen])
}

/** Whether a node after `node` in the same task satisfies `wanted`; data that moves through a topic is another task's. */
function leadsTo(
  node: Node,
  children: ReadonlyMap<Node, readonly Node[]>,
  wanted: (child: Node) => boolean,
  unmoved: ReadonlySet<Node> = new Set(),
): boolean {
  const seen = new Set<Node>()
  const search = (at: Node): boolean =>
    children.get(at)!.some(child => {
      if (wanted(child)) return true
      if (seen.has(child) || (child.repartition !== undefined && !unmoved.has(child))) return false
      seen.add(child)
      return search(child)
    })
  return search(node)
}

function isUnread(node: Node, children: ReadonlyMap<Node, readonly Node[]>): boolean {
  const ours = node.repartition !== undefined && node.deltas !== true
  if (!ours && !(node.kind === 'source' && node.source?.timestamp === undefined && node.source?.value.total === true)) return false
  const after = children.get(node) ?? []
  return after.length > 0 && after.every(child => child.ignoresValue === true)
}

/**
 * Whether a left or outer join comes anywhere after a repartition, as Kafka Streams looks for it (`NodesWithRelaxedNullKeyJoinDownstream`): not by way of the table
 * that a stream is joined with.
 */
const takesNullKeys = (node: Node, children: ReadonlyMap<Node, readonly Node[]>): boolean =>
  node.repartition!.keepsNullKeys === true || anyAfter(node, children, child => child.takesNullKeys === true)

function anyAfter(
  node: Node,
  children: ReadonlyMap<Node, readonly Node[]>,
  wanted: (node: Node) => boolean,
  seen = new Set<Node>(),
): boolean {
  return children.get(node)!.some(child => {
    if (!child.parents.some((parent, i) => parent === node && !looksOnly(child, i))) return false
    if (wanted(child)) return true
    if (seen.has(child)) return false
    seen.add(child)
    return anyAfter(child, children, wanted, seen)
  })
}

/** Whether a node looks up rows of this parent and does nothing when they change. */
const looksOnly = ({ table, wishes }: Node, parent: number): boolean =>
  table === undefined && wishes?.some(({ of, view }) => of === parent && view === true) === true

function allStores(nodes: readonly Node[], kept: ReadonlySet<Node>): ReadonlyMap<string, StoreSpec> {
  const stores = new Map<string, StoreSpec>()
  for (const node of nodes) {
    for (const spec of storesOf(node, kept)) {
      const found = stores.get(spec.name)
      if (found !== undefined && found !== spec)
        throw new RiachoError('RIACHO_NAME', `two stores are named '${spec.name}': name one of them otherwise, or share one spec`, {
          place: { node: node.label },
        })
      stores.set(spec.name, spec)
    }
  }
  return stores
}

/** The global tables of a plan. Throws `RIACHO_NAME` when one is declared twice, or has the store or the topic of another part of the plan (Kafka Streams: `validateTopicNotAlreadyRegistered`). */
function allGlobals(nodes: readonly Node[], stores: ReadonlyMap<string, StoreSpec>): readonly GlobalFacts[] {
  const globals = [...new Set(nodes.flatMap(node => node.globals ?? []))]
  const sources = new Set(nodes.flatMap(node => node.source?.topics ?? []))
  const names = new Set(stores.keys())
  for (const { source, store } of globals) {
    const [topic] = source.topics
    if (sources.has(topic!))
      throw new RiachoError(
        'RIACHO_NAME',
        `'${topic}' is a global table and is read otherwise too, or twice: declare it once and give everybody the same table`,
      )
    if (names.has(store.name))
      throw new RiachoError('RIACHO_NAME', `two stores are named '${store.name}': give the global table another { store: … }`)
    sources.add(topic!)
    names.add(store.name)
  }
  return Object.freeze(globals)
}

function checkTopics(nodes: readonly Node[], unmoved: ReadonlySet<Node>): void {
  const names = new Set<string>()
  for (const node of nodes) {
    if (node.repartition === undefined || unmoved.has(node)) continue
    if (names.has(node.repartition.name))
      throw new RiachoError('RIACHO_NAME', `two repartitions are named '${node.repartition.name}': name one of them otherwise`, {
        place: { node: node.label },
      })
    names.add(node.repartition.name)
  }
  const retried = new Set<string>()
  for (const { label, retries } of nodes) {
    if (retries === undefined) continue
    if (retried.has(retries.name))
      throw new RiachoError('RIACHO_NAME', `the retry topics of two stages are named '${retries.name}': name one of them otherwise`, {
        place: { node: label },
      })
    retried.add(retries.name)
  }
  const connectors = new Map<string, Node>()
  for (const node of nodes) {
    const name = node.source?.connector?.name
    if (name === undefined) continue
    if (connectors.has(name))
      throw new RiachoError('RIACHO_NAME', `two sources are named '${name}': read it once and use the stream twice, or name one otherwise`)
    connectors.set(name, node)
  }
}

function fingerprint(nodes: readonly Node[], reused: ReadonlySet<Node>): string {
  const index = new Map(nodes.map((node, i) => [node, i]))
  const lines = nodes.map(node =>
    [
      node.kind,
      node.label,
      node.port ?? '',
      node.source?.topics.join() ?? '',
      (node.stores ?? []).map(spec => `${spec.name}:${spec.kind}`).join(),
      node.parents.map(parent => index.get(parent)).join(),
      ...(reused.has(node) ? ['source changelog'] : []),
      ...(node.retries === undefined ? [] : [`retries ${node.retries.name}:${node.retries.delays.length}`]),
      ...(node.globals ?? []).map(({ source, store }) => `${source.topics.join()}:${store.name}:${store.kind}`),
    ].join('|'),
  )
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16)
}
