import type { Node } from '../contract/node.ts'
import { RiachoError } from '../errors.ts'
import { throughCache } from '../store/cache.ts'

/** Counts the nodes made in this process, by whichever copy of this package, to order siblings as they were declared. */
const counter: { created: number } = Reflect.get(globalThis, Symbol.for('riacho.counter')) ?? { created: 0 }
Reflect.set(globalThis, Symbol.for('riacho.counter'), counter)

/** A node as an operator says it: what is left out has no such fact. */
export type NodeSpec = Omit<Node, 'created' | 'key' | 'value' | 'partitioned'> & Partial<Pick<Node, 'key' | 'value' | 'partitioned'>>

/** Freezes a node. If one of its stores has a cache, what it hands on goes through that. */
export function makeNode(spec: NodeSpec): Node {
  const { stores = [], open } = spec
  const cached = stores.some(store => store.cache !== undefined)
  const held: Partial<NodeSpec> = cached ? { open: (task, out, asked) => open(task, throughCache(stores, task, out, asked), asked) } : {}
  return Object.freeze({ key: undefined, value: undefined, partitioned: false, ...spec, ...held, created: counter.created++ })
}

const legal = /^[A-Za-z0-9._-]{1,200}$/

/** Checks a name that becomes part of a topic or a store. Throws `RIACHO_NAME`. */
export function checkName(name: string, what: string): string {
  if (typeof name !== 'string' || !legal.test(name) || name === '.' || name === '..') {
    throw new RiachoError('RIACHO_NAME', `${what} '${String(name)}': a name has 1 to 200 of the characters A-Z a-z 0-9 . _ -`)
  }
  return name
}

/** Throws `RIACHO_NOT_PARTITIONED` when equal keys of `parent` may be in different tasks. */
export function checkPartitioned(parent: Node, label: string): void {
  if (!parent.partitioned) {
    throw new RiachoError(
      'RIACHO_NOT_PARTITIONED',
      `'${label}' needs the records of a key together, but '${parent.label}' is not partitioned by its key: put rekey(name, f) or repartition(name) before it`,
      { place: { node: label } },
    )
  }
}
