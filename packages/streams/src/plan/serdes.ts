import type { Node } from '../contract/node.ts'
import type { Serde } from '../contract/serde.ts'
import { RiachoError } from '../errors.ts'

/** Refuses serdes for keys under which equal keys may have different bytes, and so different partitions and rows. Throws `RIACHO_KEY_SERDE`. */
export function checkKeySerdes(nodes: readonly Node[]): void {
  for (const node of nodes)
    for (const key of [node.key, ...partsOf(node).map(part => part.key)])
      if (key?.notForKeys !== undefined)
        throw new RiachoError('RIACHO_KEY_SERDE', `'${node.label}' has keys of a serde that is not for keys: ${key.notForKeys}`, {
          place: { node: node.label },
        })
}

/** All serdes that the nodes of a plan name, each once: what is to be prepared before the first record. */
export function serdesOf(nodes: readonly Node[]): readonly Serde<unknown>[] {
  const all = nodes.flatMap(node => [node, ...partsOf(node)].flatMap(({ key, value }) => [key, value]))
  return [...new Set(all)].filter(serde => serde !== undefined)
}

interface Part {
  readonly key: Serde<unknown> | undefined
  readonly value: Serde<unknown> | undefined
}

/** What of a node has serdes of its own. */
const partsOf = ({ source, sink, repartition, retries, globals = [] }: Node): readonly Part[] =>
  [source, sink, repartition, retries, ...globals.map(global => global.source)].filter(part => part !== undefined)
