import type { NodeDescription, StoreDescription, TopologyDescription } from './describe-json.ts'

/** One difference between two plans of an application, seen by whoever replaces the one by the other. */
export interface PlanChange {
  /** It does not start, or reads what it cannot read; state or records that wait are lost; or it is good to know. */
  readonly effect: 'breaks' | 'loses' | 'notes'
  readonly what: 'application' | 'store' | 'repartition' | 'retry' | 'source' | 'sink'
  readonly name: string
  /** A sentence: what happens, and what to do. */
  readonly message: string
}

/**
 * What happens to an application's state and to records on their way when the plan `old` is replaced by `now` under the same application id. The graver first.
 *
 * @example
 * for (const { effect, message } of diff(describeJson(app), describeJson(changed))) console.log(effect, message)
 */
export function diff(old: TopologyDescription, now: TopologyDescription): readonly PlanChange[] {
  const changes =
    old.id === now.id ? [...stores(old, now), ...repartitions(old, now), ...retries(old, now), ...ends(old, now)] : [renamed(old, now)]
  return changes.sort((a, b) => grave.indexOf(a.effect) - grave.indexOf(b.effect))
}

const grave: readonly PlanChange['effect'][] = ['breaks', 'loses', 'notes']

const renamed = (old: TopologyDescription, now: TopologyDescription): PlanChange => ({
  effect: 'loses',
  what: 'application',
  name: now.id,
  message: `the application id was '${old.id}': '${now.id}' begins with empty stores at the beginning of its topics; keep the id, or mean it`,
})

/** Says one change of one thing. */
type Say = (effect: PlanChange['effect'], message: string) => PlanChange[]

const saying =
  (what: PlanChange['what'], name: string): Say =>
  (effect, message) => [{ effect, what, name, message }]

function stores(old: TopologyDescription, now: TopologyDescription): PlanChange[] {
  return both(old.stores, now.stores, ({ name }) => name).flatMap(([name, before, after]) => {
    const say = saying('store', name)
    const left = `its topic ${old.id}-${name}-changelog is left behind`
    if (after === undefined) return say('loses', `store '${name}' is gone, and with it its rows; ${left}`)
    if (before === undefined)
      return say('notes', `store '${name}' is new: it knows only what comes from now on, unless the application is reset`)
    return [...kept(say, before, after), ...fed(say, old, now, name)]
  })
}

function kept(say: Say, before: StoreDescription, after: StoreDescription): PlanChange[] {
  const { name } = after
  const [was, is] = [before.retention ?? 0, after.retention ?? 0]
  if (before.kind !== after.kind) {
    const kinds = `was of kind ${before.kind} and is of kind ${after.kind}`
    return say('breaks', `store '${name}' ${kinds}: the one cannot read the other's changelog; give it another name`)
  }
  if (before.logged && !after.logged) return say('loses', `store '${name}' has no changelog any more: it is empty after each restart`)
  if (!before.logged && after.logged) return say('notes', `store '${name}' has a changelog now: it begins empty`)
  if (before.sourceLog !== after.sourceLog) {
    if (after.sourceLog === undefined)
      return say(
        'loses',
        `store '${name}' had its rows from topic ${before.sourceLog}, and its own changelog is empty: it knows only what comes from now on`,
      )
    return say('notes', `store '${name}' has its rows from topic ${after.sourceLog}: its own changelog is left behind`)
  }
  const instead = `store '${name}' keeps rows for ${is} ms instead of ${was}`
  if (was > is) return say('loses', `${instead}: older ones are gone`)
  if (was < is) return say('notes', `${instead}: what had expired does not come back, and its topic's retention must be raised by hand`)
  return []
}

/** Where the names on the way into a store differ, other code made the rows that are there. */
function fed(say: Say, old: TopologyDescription, now: TopologyDescription, name: string): PlanChange[] {
  const [before, after] = [wayInto(old, name), wayInto(now, name)]
  if (before === after) return []
  return say('notes', `store '${name}' is fed by ${after}, and was by ${before}: rows that are there stay as they were made`)
}

function wayInto(plan: TopologyDescription, store: string): string {
  const nodes = new Map(nodesOf(plan).map(node => [node.name, node]))
  const seen = new Set<NodeDescription>()
  const walk = (node: NodeDescription | undefined): void => {
    if (node === undefined || seen.has(node)) return
    for (const parent of node.predecessors) walk(nodes.get(parent))
    seen.add(node)
  }
  for (const node of nodes.values()) if (node.stores.includes(store)) walk(node)
  return Array.from(seen, node => node.topics?.join('+') ?? node.name).join(' > ')
}

function repartitions(old: TopologyDescription, now: TopologyDescription): PlanChange[] {
  const moves = (plan: TopologyDescription): NodeDescription[] => nodesOf(plan).filter(({ topic }) => isOwn(plan, topic))
  const count = ({ partitions }: NodeDescription): string =>
    partitions === undefined ? 'as many partitions as its sources' : `${partitions} partitions`
  return both(moves(old), moves(now), node => node.topic!).flatMap(([name, before, after]) => {
    const say = saying('repartition', name)
    if (after === undefined)
      return say('loses', `topic ${name} is not read any more: let the old plan work off what waits in it, then delete it`)
    if (before === undefined) return say('notes', `topic ${name} is new`)
    if (before.partitions === after.partitions) return []
    return say('breaks', `topic ${name} had ${count(before)} and shall have ${count(after)}: it is not altered; give it another name`)
  })
}

function retries(old: TopologyDescription, now: TopologyDescription): PlanChange[] {
  const topics = (plan: TopologyDescription): readonly string[] => nodesOf(plan).flatMap(({ retryTopics = [] }) => retryTopics)
  return both(topics(old), topics(now), name => name).flatMap(([name, before, after]) => {
    const say = saying('retry', name)
    if (after === undefined)
      return say('loses', `topic ${name} is not read any more: let the old plan work off what waits in it, then delete it`)
    return before === undefined ? say('notes', `topic ${name} is new`) : []
  })
}

function ends(old: TopologyDescription, now: TopologyDescription): PlanChange[] {
  const inputs = (plan: TopologyDescription): string[] =>
    nodesOf(plan).flatMap(({ connector, topics = [] }) =>
      connector === undefined ? topics.filter(topic => !isOwn(plan, topic)) : [connector.name],
    )
  const outputs = (plan: TopologyDescription): string[] =>
    nodesOf(plan).flatMap(({ topic }) => (typeof topic === 'string' && !isOwn(plan, topic) ? [topic] : []))
  return [
    ...both(inputs(old), inputs(now), name => name).flatMap(([name, before, after]) => {
      const say = saying('source', name)
      if (after === undefined) return say('notes', `'${name}' is not read any more`)
      return before === undefined ? say('notes', `'${name}' is read from now on, from its beginning`) : []
    }),
    ...both(outputs(old), outputs(now), name => name).flatMap(([name, before, after]) => {
      const say = saying('sink', name)
      if (after === undefined) return say('notes', `topic ${name} is not written any more`)
      return before === undefined ? say('notes', `topic ${name} is written from now on: create it first`) : []
    }),
  ]
}

const nodesOf = (plan: TopologyDescription): readonly NodeDescription[] => plan.subTopologies.flatMap(part => part.nodes)

/** A topic that the application owns. */
const isOwn = (plan: TopologyDescription, topic: string | null | undefined): boolean =>
  typeof topic === 'string' && topic.startsWith(`${plan.id}-`) && /-(repartition|topic)$/.test(topic)

/** What either list has, by name, in the order of the first and then of the second. */
function both<T>(
  before: readonly T[],
  after: readonly T[],
  nameOf: (each: T) => string,
): (readonly [string, T | undefined, T | undefined])[] {
  const was = new Map(before.map(each => [nameOf(each), each]))
  const is = new Map(after.map(each => [nameOf(each), each]))
  return [...new Set([...was.keys(), ...is.keys()])].map(name => [name, was.get(name), is.get(name)] as const)
}
