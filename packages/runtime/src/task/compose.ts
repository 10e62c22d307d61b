import type { StreamRecord } from '@riacho/streams'
import {
  type Asked,
  type Emit,
  internal,
  type Node,
  type Origin,
  type RetryWay,
  RiachoError,
  type SubTopology,
  type TableView,
  type Topology,
} from '@riacho/streams/engine'
import type { EngineTask } from './task.ts'

/** The ways into the operators of a task, made from sinks to sources. */
export interface Composed {
  /** What a source node hands its records to. */
  readonly sources: ReadonlyMap<Node, Emit>
  /** What the records of a repartition topic go to, by the `rekey` that reads it. */
  readonly reads: ReadonlyMap<Node, Emit>
  /** What takes the records that come back from the retry topics of a stage. */
  readonly returns: ReadonlyMap<Node, Emit>
}

/** Opens every node of a sub-topology once. */
export function compose(plan: Topology, part: SubTopology, task: EngineTask): Composed {
  const inputs = new Map<Node, readonly Emit[]>()
  const after = (node: Node): Emit => fanOut((plan.children.get(node) ?? []).flatMap(child => entries(child, node, inputs)))
  const views = new Views(task)
  const returns = new Map<Node, Emit>()
  for (const node of [...part.nodes].reverse()) {
    const wishes = asked(plan, part, node, task, views, take => returns.set(node, take))
    task.openNode()
    const opened = node.open(task, moved(plan, node) ? repartitionSender(plan, node, task) : after(node), wishes)
    inputs.set(node, node.deadLetters === undefined || node.async !== undefined ? opened : opened.map(withOrigins(plan, part, node, task)))
  }
  task.opened()
  const sources = new Map<Node, Emit>()
  for (const node of part.nodes) if (node.source !== undefined) sources.set(node, inputs.get(node)![0]!)
  return { sources, reads: new Map(part.reads.map(node => [node, after(node)])), returns }
}

/** The rows of a task's tables, by the node that makes them. */
class Views {
  readonly #task: EngineTask
  readonly #made = new Map<Node, TableView<never, unknown>>()

  constructor(task: EngineTask) {
    this.#task = task
  }

  of(node: Node): TableView<never, unknown> {
    const found = this.#made.get(node)
    if (found !== undefined) return found
    if (node.view === undefined)
      throw new RiachoError('RIACHO_NOT_A_PLAN', `'${node.label}' is not a table: a join reads the rows of a table`, {
        place: { node: node.label },
      })
    const made = node.view(this.#task, index => this.of(node.parents[index]!))
    this.#made.set(node, made)
    return made
  }
}

interface Child {
  readonly port: string | undefined
  readonly emit: Emit
}

function entries(child: Node, parent: Node, inputs: ReadonlyMap<Node, readonly Emit[]>): Child[] {
  const own = inputs.get(child)
  if (own === undefined) return []
  return child.parents.flatMap((each, i) => (each === parent ? [{ port: child.port, emit: own[i]! }] : []))
}

function fanOut(children: readonly Child[]): Emit {
  if (children.some(child => child.port !== undefined)) {
    const byPort = new Map<string, Emit>()
    for (const { port } of children)
      if (port !== undefined) byPort.set(port, all(children.filter(child => child.port === port).map(child => child.emit)))
    return (record, port) => byPort.get(port!)?.(record)
  }
  return all(children.map(child => child.emit))
}

function all(emits: readonly Emit[]): Emit {
  const [first, second, third] = emits
  if (first === undefined) return () => {}
  if (second === undefined) return first
  if (third === undefined) {
    return record => {
      first(record)
      second(record)
    }
  }
  return record => {
    for (const emit of emits) emit(record)
  }
}

const moved = (plan: Topology, node: Node): boolean => node.repartition !== undefined && !plan.unmoved.has(node)

function repartitionSender(plan: Topology, node: Node, task: EngineTask): Emit {
  const { key, value, partition, onError } = node.repartition!
  const topic = internal.repartition(plan.id, node.repartition!)
  const spec = { topic, key: key!, value: value!, ...(partition && { partition }), ...(onError && { onError }) }
  return (plan.nullKeys.has(node) ? task.sender(spec) : task.repartitioner(spec)) as Emit
}

function asked(plan: Topology, part: SubTopology, node: Node, task: EngineTask, views: Views, returnTo: (take: Emit) => void): Asked {
  const origins = plan.origins.has(node)
  const order = plan.ordered.has(node) || !node.partitioned ? 'partition' : 'key'
  const [parent] = node.parents
  const derived = origins && node.async !== undefined && isDerived(parent!, new Set(part.nodes), plan)
  return {
    previous: plan.asked.has(node),
    kept: plan.kept.has(node),
    view: index => views.of(node.parents[index]!),
    order,
    origins,
    strict: task.strict,
    ...(node.retries && {
      retries: { ...node.retries, topics: internal.retry(plan.id, node.retries), returnTo: returnTo as RetryWay['returnTo'] },
    }),
    ...(derived && { origin: (record: StreamRecord<unknown, unknown>) => asWritten(node, parent!, task, record) }),
  }
}

const deriving: ReadonlySet<Node['kind']> = new Set(['aggregate', 'buffer', 'join', 'process'])

/** The inputs of a node that writes dead letters: where a parent hands on derived records, they stand for the original. */
const withOrigins =
  (plan: Topology, part: SubTopology, node: Node, task: EngineTask) =>
  (input: Emit, index: number): Emit => {
    const parent = node.parents[index]
    if (parent === undefined || !isDerived(parent, new Set(part.nodes), plan)) return input
    return task.deriving(input, record => asWritten(node, parent, task, record))
  }

/** Whether what a node hands on was made by an operator of this task, not read from a topic. */
function isDerived(node: Node, own: ReadonlySet<Node>, plan: Topology): boolean {
  if (!own.has(node) || moved(plan, node)) return false
  // What a cache held back is not of the record being processed.
  const held = node.stores?.some(spec => spec.cache !== undefined) === true
  return held || deriving.has(node.kind) || node.parents.some(parent => isDerived(parent, own, plan))
}

function asWritten(node: Node, from: Node, task: EngineTask, record: StreamRecord<unknown, unknown>): Origin {
  const { key, value, timestamp, headers } = record
  if (from.key === undefined && key !== null) {
    throw new RiachoError(
      'RIACHO_NO_SERDE',
      `'${node.label}' writes dead letters of records whose key nobody said how to write: give { key: … } to the operator that made it`,
    )
  }
  const at = task.position()
  return {
    topic: at?.topic ?? node.label,
    partition: at?.partition ?? task.partition,
    offset: -1,
    timestamp,
    headers,
    key: key === null ? null : from.key!.encode(key),
    value:
      value === null || value === undefined
        ? null
        : from.value === undefined
          ? Buffer.from(JSON.stringify(value))
          : from.value.encode(value),
  }
}
