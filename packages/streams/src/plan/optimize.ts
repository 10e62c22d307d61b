import type { Node } from '../contract/node.ts'
import { RiachoError } from '../errors.ts'
import { type Draft, draftsOf, nodesOf } from './draft.ts'
import { mergeRepartitions } from './merged-repartitions.ts'
import { isTopology, redraw, type Topology } from './topology.ts'

/** What `optimize` may change (Kafka Streams: `topology.optimization`). */
export type Optimization = 'source changelogs' | 'merged repartitions' | 'self joins'

const all: readonly Optimization[] = ['source changelogs', 'merged repartitions', 'self joins']

/**
 * The same plan with fewer topics and stores (Kafka Streams: `topology.optimization=all`); by name, only some of the ways:
 *
 * - `source changelogs`: a table that reads a topic keeps no changelog of it; its rows come back from the topic itself, as far as the application has committed. The topic
 *   must keep the last record of each key. Not for tables whose rows depend on more than their records: `maxFutureSkew`, `invalidTimestamp: 'partitionTime'`.
 * - `merged repartitions`: repartitions of one stream with a new key, with nothing but filters, taps, branches and merges between, become one topic, under the name of the
 *   first. It lies right after the new key, so what is filtered out later is moved too. `repartition(name, { merge: false })`, and one that says its partitions, is left as
 *   it is.
 * - `self joins`: an inner join of a stream with itself keeps its records once.
 *
 * A running application loses what lies in the topics and stores that are gone: choose before its first start. Throws `RIACHO_OPTION`.
 *
 * @example
 * export default optimize(topology('orders', orders.pipe(count('orders-per-client'), toStream(), to('counts'))))
 */
export function optimize(plan: Topology, ...only: readonly Optimization[]): Topology {
  if (!isTopology(plan)) throw new RiachoError('RIACHO_OPTION', 'optimize takes what topology() returned')
  const unknown = only.find(name => !all.includes(name))
  if (unknown !== undefined) throw new RiachoError('RIACHO_OPTION', `optimize: '${unknown}' is none of ${all.join(', ')}`)
  const does = (name: Optimization): boolean => only.length === 0 || only.includes(name)
  const drafts = draftsOf(plan.nodes)
  if (does('merged repartitions')) mergeRepartitions(drafts, plan.unmoved)
  if (does('self joins')) for (const draft of drafts) joinAlone(draft)
  const nodes = nodesOf(drafts)
  const inner = new Set(nodes.flatMap(node => node.parents))
  const ends = nodes.filter(node => !inner.has(node))
  const reused = new Set(plan.sourceLogs.values())
  if (does('source changelogs')) for (const node of nodes) if (canReuse(node)) reused.add(node)
  return redraw(plan, ends, reused)
}

/** A join whose sides are one stream is the join of that stream with itself (Kafka Streams: `rewriteSingleStoreSelfJoin`). */
function joinAlone(draft: Draft): void {
  const [left, right] = draft.parents
  const { alone } = draft.from
  if (alone === undefined || left !== right) return
  draft.parents = [left!]
  draft.changes = { ...draft.changes, ...alone }
}

/** Whether a table's rows follow from the records of its topic alone, whenever they are read (Kafka Streams: `reuseKTableSourceTopics`). */
function canReuse({ kind, source }: Node): boolean {
  if (kind !== 'table' || source === undefined || source.topics.length !== 1) return false
  return source.maxFutureSkew === undefined && source.invalidTimestamp !== 'partitionTime' && (source.timestamp?.length ?? 0) < 3
}
