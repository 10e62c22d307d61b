import {
  count,
  describe,
  describeJson,
  describeMermaid,
  diff,
  isTopology,
  json,
  type NodeDescription,
  type Optimization,
  optimize,
  type PlanChange,
  type PlanWarning,
  RiachoError,
  type SubTopologyDescription,
  type Topology,
  type TopologyDescription,
  text,
  to,
  topic,
  topology,
  toStream,
  warnings,
} from '@riacho/streams'
import { map } from 'rxjs'

const orders = topic('orders', { key: text, value: json<number>() })
const plan: Topology = topology('orders', orders.pipe(count('n'), toStream(), to('counts')))
const ways: readonly Optimization[] = ['source changelogs', 'merged repartitions', 'self joins']
const smaller: Topology = optimize(plan, ...ways)

// ---- what a plan says of itself
const said: TopologyDescription = describeJson(smaller)
const parts: readonly SubTopologyDescription[] = said.subTopologies
const nodes: readonly NodeDescription[] = parts.flatMap(part => part.nodes)
const texts: readonly string[] = [describe(plan), describeMermaid(plan)]
const changes: readonly PlanChange[] = diff(said, describeJson(plan))
const told: readonly PlanWarning[] = warnings(plan)
const known = (value: unknown): string => (isTopology(value) ? value.id : '')
const codeOf = (error: unknown): string => (error instanceof RiachoError ? `${error.code} ${error.place.topic}` : '')
export const passed = [nodes, texts, changes, told, known, codeOf]

// @ts-expect-error a plan has a name
topology(orders.pipe(to('out')))
// @ts-expect-error plans are compared by what they say of themselves
diff(plan, plan)
// @ts-expect-error a stream is no plan
describe(orders)
// @ts-expect-error a description is no plan
warnings(said)
// @ts-expect-error what a plan says is not changed
said.subTopologies.push(parts[0])
// @ts-expect-error codes begin with the name
new RiachoError('WRONG', 'no')
// @ts-expect-error a bare rxjs operator on records of another kind
orders.pipe(map((n: number) => n + 1))
