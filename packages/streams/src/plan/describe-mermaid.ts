import { describeJson, type NodeDescription, type SubTopologyDescription } from './describe-json.ts'
import type { Topology } from './topology.ts'

/**
 * Draws a plan as a Mermaid flowchart: a box per sub-topology with its nodes and stores, topics and external systems between the boxes, dead letters dotted.
 *
 * @example
 * console.log(describeMermaid(topology('orders', orders.pipe(to('orders-copy')))))
 */
export function describeMermaid(topology: Topology): string {
  const { subTopologies } = describeJson(topology)
  const nodes = subTopologies.flatMap(part => part.nodes)
  const ids = new Ids()
  const boxes = subTopologies.flatMap(part => box(part, ids))
  const edges = nodes.flatMap(node => edgesOf(node, ids))
  return `${['flowchart TD', ...boxes, ...ids.outside, ...edges].join('\n')}\n`
}

/** Short ids for names of any characters: n for nodes, s for stores, o for what lies outside. */
class Ids {
  readonly outside: string[] = []
  readonly #ids = new Map<string, string>()

  node(name: string): string {
    return this.#id('n', name)
  }

  store(name: string): string {
    return this.#id('s', name)
  }

  /** Draws the topic or system when it is first met. */
  place(name: string): string {
    const known = this.#ids.size
    const id = this.#id('o', name)
    if (this.#ids.size > known) this.outside.push(`  ${id}[(${quoted(name)})]`)
    return id
  }

  #id(letter: string, name: string): string {
    const key = letter + name
    const id = this.#ids.get(key) ?? `${letter}${this.#ids.size}`
    this.#ids.set(key, id)
    return id
  }
}

const quoted = (name: string): string => `"${name.replaceAll('"', '#quot;')}"`

function box({ index, nodes }: SubTopologyDescription, ids: Ids): string[] {
  const stores = [...new Set(nodes.flatMap(node => node.stores))]
  return [
    `  subgraph sub${index}["Sub-topology ${index}"]`,
    ...nodes.map(node => `    ${ids.node(node.name)}${shaped(node)}`),
    ...stores.map(store => `    ${ids.store(store)}[(${quoted(store)})]`),
    '  end',
  ]
}

function shaped({ type, name, async }: NodeDescription): string {
  const text = quoted(async === undefined ? name : `${name} (order: ${async.order})`)
  return type === 'processor' ? `[${text}]` : `([${text}])`
}

function edgesOf(node: NodeDescription, ids: Ids): string[] {
  const id = ids.node(node.name)
  const from = [...(node.topics ?? []), ...(node.connector === undefined ? [] : [node.connector.name])]
  const to = node.type === 'sink' ? [node.topic ?? 'chosen per record'] : []
  return [
    ...from.map(name => `  ${ids.place(name)} --> ${id}`),
    ...node.successors.map(name => `  ${id} --> ${ids.node(name)}`),
    ...node.stores.map(name => `  ${id} --- ${ids.store(name)}`),
    ...(node.globals ?? []).map(name => `  ${id} --- ${ids.place(name)}`),
    ...to.map(name => `  ${id} --> ${ids.place(name)}`),
    ...node.deadLetters.map(name => `  ${id} -.-> ${ids.place(name)}`),
  ]
}
