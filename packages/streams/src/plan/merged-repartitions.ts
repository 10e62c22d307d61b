import type { Node } from '../contract/node.ts'
import type { Draft } from './draft.ts'

/**
 * Gives the repartitions of one stream with a new key one topic between them, right after the new key (Kafka Streams: `InternalStreamsBuilder.mergeRepartitionTopics`). A
 * lone one is moved there too, as Kafka Streams does. `unmoved`: the `rekey`s that only select a key. Those that are replaced are taken out of `drafts`.
 */
export function mergeRepartitions(drafts: Draft[], unmoved: ReadonlySet<Node>): void {
  for (const [changer, repartitions] of byKeyChanger(drafts, unmoved)) {
    const [first] = repartitions
    // In front of everything else that the changer leads to.
    const merged: Draft = { from: first!.from, changes: { created: changer.from.created }, parents: [changer] }
    for (const repartition of repartitions) replace(drafts, repartition, changer, merged)
    drafts.push(merged)
  }
}

/** The repartitions that may be one, as they were drawn, by the node that gave their records the new key, or by the merge where several such come together. */
function byKeyChanger(drafts: readonly Draft[], unmoved: ReadonlySet<Node>): ReadonlyMap<Draft, readonly Draft[]> {
  const found = new Map<Draft, Draft[]>()
  const drawn = [...drafts].sort((a, b) => a.from.created - b.from.created)
  for (const draft of drawn) {
    if (draft.from.effect === 'rekeys' || unmoved.has(draft.from)) found.set(draft, [])
    else if (isMergeable(draft.from)) found.get(nearest(draft)!)?.push(draft)
  }
  for (const merge of drawn.filter(({ from }) => from.kind === 'merge')) {
    const before = [...found].filter(([changer, own]) => isAbove(changer, merge) && own.every(each => isAbove(merge, each)))
    for (const [changer] of before) found.delete(changer)
    found.set(
      merge,
      before.flatMap(([, own]) => own),
    )
  }
  const groups = [...found].map(([changer, own]) => [changer, own.filter(each => comesFrom(each, changer))] as const)
  return new Map(groups.filter(([, own]) => own.length > 0))
}

const isMergeable = ({ repartition }: Node): boolean =>
  repartition?.mergeable === true && repartition.partitions === undefined && repartition.partition === undefined

const passes = ({ from }: Draft): boolean => from.effect === 'passes' || from.kind === 'merge'

/** The first node above, first inputs first, that does something to its records. */
function nearest(draft: Draft): Draft | undefined {
  for (const parent of draft.parents) {
    const found = passes(parent) ? nearest(parent) : parent.parents.length > 0 ? parent : undefined
    if (found !== undefined) return found
  }
  return undefined
}

const isAbove = (above: Draft, draft: Draft, seen = new Set<Draft>()): boolean =>
  draft.parents.some(parent => parent === above || (isNew(parent, seen) && isAbove(above, parent, seen)))

/** Whether all records that come to a node went through `above`, and nothing was done to them since. Kafka Streams does not look at more than one input of a merge. */
const comesFrom = (draft: Draft, above: Draft, seen = new Set<Draft>()): boolean =>
  draft.parents.length > 0 &&
  draft.parents.every(parent => parent === above || (passes(parent) && (!isNew(parent, seen) || comesFrom(parent, above, seen))))

const isNew = (draft: Draft, seen: Set<Draft>): boolean => seen.size < seen.add(draft).size

/** Puts `merged` between the key changer and all ways from it to `repartition`, and takes that one out. */
function replace(drafts: Draft[], repartition: Draft, changer: Draft, merged: Draft): void {
  const seen = new Set<Draft>([changer, merged])
  const climb = (draft: Draft): void => {
    if (seen.has(draft)) return
    seen.add(draft)
    for (const parent of draft.parents) climb(parent)
    draft.parents = draft.parents.map(parent => (parent === changer ? merged : parent))
    draft.changes = { ...draft.changes, partitioned: true }
  }
  climb(repartition)
  const [before] = repartition.parents
  drafts.splice(drafts.indexOf(repartition), 1)
  for (const draft of drafts) draft.parents = draft.parents.map(parent => (parent === repartition ? before! : parent))
}
