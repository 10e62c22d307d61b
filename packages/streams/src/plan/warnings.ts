import type { Node } from '../contract/node.ts'
import type { Topology } from './topology.ts'

/** Something in a plan that does what it says, and seldom what was meant. */
export interface PlanWarning {
  /** The label of the node. */
  readonly node: string
  /** A sentence: what happens, and what to do. */
  readonly message: string
}

/**
 * What can be known of a plan before it runs, and should be by whoever runs it. `riacho run` logs it at the start, `riacho describe` prints it.
 *
 * @example
 * for (const { node, message } of warnings(app)) console.log(node, message)
 */
export function warnings(plan: Topology): readonly PlanWarning[] {
  return Object.freeze(
    plan.nodes.flatMap(node =>
      [
        ...(node.cautions ?? []),
        ...ownTopic(plan, node),
        ...unmoved(plan, node),
        ...looseKey(node),
        ...twice(node),
        ...lateRetry(plan, node),
      ].map(message => ({
        node: node.label,
        message,
      })),
    ),
  )
}

function ownTopic(plan: Topology, node: Node): string[] {
  const topic = node.sink?.topic
  if (typeof topic !== 'string' || !plan.nodes.some(each => each.source?.topics.includes(topic))) return []
  return [`topic ${topic} is written and read by the same plan, so a record may go round for ever: move data with repartition`]
}

function unmoved(plan: Topology, node: Node): string[] {
  if (!plan.unmoved.has(node)) return []
  return [
    'no keyed operator follows the rekey, so its topic is left out: use selectKey if that is meant, repartition if the data should move',
  ]
}

/** The fields of a JSON object have no order, so equal keys may have different bytes. */
function looseKey(node: Node): string[] {
  const key = node.repartition === undefined ? node.parents[0]?.key : node.repartition.key
  if ((node.keyed !== true && node.repartition === undefined) || key?.passId !== 'json') return []
  return ['keys are written as JSON, where equal keys may have different bytes: use text, a number, or compositeKey({ … })']
}

function twice(node: Node): string[] {
  if (node.async === undefined || node.async.idempotent) return []
  return ['the sink is not idempotent, so records are written again after a failure: give them a key of their own there']
}

/** What comes back is as old as it was. */
function lateRetry(plan: Topology, node: Node): string[] {
  if (node.retries === undefined || node.retries.delays.length === 0 || !plan.ordered.has(node)) return []
  const wait = node.retries.delays.reduce((sum, delay) => sum + delay, 0)
  return [`what comes back from its retry topics is up to ${wait} ms late for the windows and joins after it: give them as much grace`]
}
