import { describeJson, type GlobalDescription, type NodeDescription } from './describe-json.ts'
import type { Topology } from './topology.ts'

/**
 * Describes a plan as text, in the shape of Kafka Streams' `Topology.describe()`, so that tools that draw the one draw the other. What Kafka Streams has no word
 * for stands after the parenthesis: the order of asynchronous results, dead letter topics, a `rekey` without a topic.
 *
 * @example
 * console.log(describe(topology('orders', orders.pipe(to('orders-copy')))))
 */
export function describe(topology: Topology): string {
  const { subTopologies, globals } = describeJson(topology)
  const parts = subTopologies.map(({ index, nodes }) => `  Sub-topology: ${index}\n${nodes.map(nodeText).join('')}`)
  const beside = globals.map((table, i) => globalText(table, subTopologies.length + i))
  return `Topologies:\n ${[...parts, ...beside].join('\n')}`
}

function globalText({ topic, store }: GlobalDescription, index: number): string {
  const head = `  Sub-topology: ${index} for global store (will not generate tasks)\n`
  return `${head}    Source: ${topic} (topics: [${topic}]) stores: [${store}]\n      --> none\n`
}

function nodeText(node: NodeDescription): string {
  const head = `    ${words[node.type]}: ${node.name} (${placeText(node)})${notesText(node)}\n`
  const to = node.type === 'sink' ? '' : `      --> ${namesText(node.successors)}\n`
  const from = node.type === 'source' ? '' : `      <-- ${namesText(node.predecessors)}\n`
  return head + to + from
}

const words = { source: 'Source', processor: 'Processor', sink: 'Sink' } as const

const namesText = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '))

function placeText({ type, topics, connector, topic, stores }: NodeDescription): string {
  if (type === 'processor') return `stores: [${stores.join(', ')}]`
  if (type === 'sink') return `topic: ${topic ?? 'chosen per record'}`
  return connector === undefined ? `topics: [${topics!.join(', ')}]` : `connector: ${connector.name}`
}

function notesText(node: NodeDescription): string {
  const notes = [
    node.type === 'source' && node.stores.length > 0 && `stores: [${node.stores.join(', ')}]`,
    node.sourceLog === true && 'changelog: its topic',
    node.connector?.positions === 'acknowledged' && 'acknowledged: never exactly once',
    node.partitions !== undefined && `partitions: ${node.partitions}`,
    node.globals && `global tables: [${node.globals.join(', ')}]`,
    node.async && `order: ${node.async.order}`,
    node.async?.idempotent === false && 'not idempotent',
    node.retryTopics && `retry topics: [${node.retryTopics.join(', ')}]`,
    node.unmoved && 'no topic: no keyed operator follows',
    node.deadLetters.length > 0 && `dead letters: [${node.deadLetters.join(', ')}]`,
  ].filter(note => note !== false && note !== undefined)
  return notes.length === 0 ? '' : ` ${notes.join(', ')}`
}
