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

/** Each serde with which a plan writes, once: to topics, and to stores, which hold what their node or one of its parents hands on. They are to be prepared before the first record. */
export function writtenSerdes(nodes: readonly Node[]): readonly Serde<unknown>[] {
  const parts = nodes.flatMap(node => {
    const stores = [...(node.stores ?? []), ...(node.storesWhenKept ?? [])]
    return [...writtenBy(node), ...(stores.length > 0 ? [node, ...node.parents] : [])]
  })
  return [...new Set(parts.flatMap(({ key, value }) => [key, value]))].filter(serde => serde !== undefined)
}

interface Part {
  readonly key: Serde<unknown> | undefined
  readonly value: Serde<unknown> | undefined
}

/** What of a node has serdes of its own, to write with. */
const writtenBy = ({ sink, repartition, retries, stores = [] }: Node): readonly Part[] =>
  [sink, repartition, retries, ...stores.map(store => store.rows)].filter(part => part !== undefined)

/** What of a node has serdes of its own. */
const partsOf = (node: Node): readonly Part[] => [
  ...(node.source === undefined ? [] : [node.source]),
  ...writtenBy(node),
  ...(node.globals ?? []).map(global => global.source),
]
