import {
  aggregate,
  count,
  filterTable,
  hopping,
  mapTable,
  reduce,
  regroup,
  repartition,
  type StreamRecord,
  selectKey,
  table,
  toStream,
  tumbling,
} from '@riacho/streams'
import type { GroupSpec, NodeSpec, WindowSpec } from './case.ts'
import { type Adder, aggregator, initial, keySelector, predicate, reducer, valueMapper } from './functions.ts'
import { type Changes, type Draw, type Drawing, field, type Records, serdesOf } from './interpreter-drawing.ts'
import { serdeOf } from './serdes.ts'
import { Missing } from './show.ts'

type Message = StreamRecord<unknown, unknown>

function groupOf(node: NodeSpec): GroupSpec {
  if (node.group === undefined) throw new Missing(`${node.op} without group`)
  return node.group
}

/** The stream with equal keys together: moved through the group's topic when its key was changed. */
function grouped(node: NodeSpec, drawing: Drawing): Records {
  const group = groupOf(node)
  const from = drawing.records(node.from[0])
  const move = repartition<unknown, unknown>(group.name, serdesOf(group))
  if (typeof group.by !== 'string') return drawing.rekeyed(node.from[0]) ? from.pipe(move) : from
  const by = keySelector(group.by)
  return from.pipe(
    selectKey((value: unknown, record: Message) => by(record.key, value)),
    move,
  )
}

/** The window of an aggregation as an option; none when the node has none. */
function windowOption(node: NodeSpec, drawing: Drawing, store: string): { window?: ReturnType<typeof tumbling> } {
  const window: WindowSpec | undefined = node.window
  if (node.emit === 'onWindowClose') throw new Missing(`${node.op} that emits on window close`)
  if (window === undefined) return {}
  drawing.windowSizes.set(store, window.sizeMs)
  const options = { grace: window.graceMs, ...(node.retentionMs === undefined ? {} : { retention: node.retentionMs }) }
  if (window.type === 'tumbling') return { window: tumbling(window.sizeMs, options) }
  if (window.type === 'hopping') return { window: hopping(window.sizeMs, { advance: window.advanceMs, ...options }) }
  throw new Missing(`${window.type} window`)
}

const storeOf = (node: NodeSpec): string => node.store ?? node.id
/** Table operators keep a store of their own only when the node names one. */
const storeOption = (node: NodeSpec): { store?: string } => (typeof node.store === 'string' ? { store: node.store } : {})
const added =
  (add: Adder) =>
  (value: unknown, sum: unknown, record?: { readonly key: unknown }): unknown =>
    add(record?.key ?? null, value, sum)

function drawCount(node: NodeSpec, drawing: Drawing): void {
  const store = storeOf(node)
  drawing.put(node.id, grouped(node, drawing).pipe(count(store, windowOption(node, drawing, store))) as Changes)
}

function drawReduce(node: NodeSpec, drawing: Drawing): void {
  const store = storeOf(node)
  const options = { value: serdeOf(groupOf(node).value), ...windowOption(node, drawing, store) }
  drawing.put(node.id, grouped(node, drawing).pipe(reduce(store, reducer(field(node, 'reducer')), options)) as Changes)
}

function drawAggregate(node: NodeSpec, drawing: Drawing): void {
  const store = storeOf(node)
  const add = added(aggregator(field(node, 'aggregator')))
  const options = { value: serdeOf(field(node, 'result')), ...windowOption(node, drawing, store) }
  drawing.put(node.id, grouped(node, drawing).pipe(aggregate(store, initial(field(node, 'init')), add, options)) as Changes)
}

/** The deltas of a table whose rows are grouped by another key. */
function regrouped(node: NodeSpec, drawing: Drawing) {
  const group = groupOf(node)
  const by = keySelector(group.by ?? 'key')
  const mapped = valueMapper(group.mapValue ?? 'identity')
  const move = (value: unknown, key: unknown) => [by(key, value), mapped(key, value)] as const
  return drawing.changes(node.from[0]).pipe(regroup(group.name, move, serdesOf(group)))
}

function drawTableCount(node: NodeSpec, drawing: Drawing): void {
  drawing.put(node.id, regrouped(node, drawing).pipe(count(storeOf(node))) as Changes)
}

function drawTableReduce(node: NodeSpec, drawing: Drawing): void {
  const options = { value: serdeOf(groupOf(node).value), subtract: reducer(field(node, 'subtractor')) }
  drawing.put(node.id, regrouped(node, drawing).pipe(reduce(storeOf(node), reducer(field(node, 'adder')), options)) as Changes)
}

function drawTableAggregate(node: NodeSpec, drawing: Drawing): void {
  const add = added(aggregator(field(node, 'adder')))
  const options = { value: serdeOf(field(node, 'result')), subtract: added(aggregator(field(node, 'subtractor'))) }
  drawing.put(node.id, regrouped(node, drawing).pipe(aggregate(storeOf(node), initial(field(node, 'init')), add, options)) as Changes)
}

function drawTable(node: NodeSpec, drawing: Drawing): void {
  if (node.versionedMs !== undefined) throw new Missing('table with a versioned store')
  const serdes = serdesOf(node)
  drawing.sources.set(field(node, 'topic'), serdes)
  drawing.put(node.id, table(field(node, 'topic'), { ...serdes, ...storeOption(node) }) as Changes)
}

function drawTableFilter(node: NodeSpec, drawing: Drawing, wanted: boolean): void {
  const holds = predicate(field(node, 'predicate'))
  const keep = filterTable((value: unknown, key: unknown) => holds(key, value) === wanted, storeOption(node))
  drawing.put(node.id, drawing.changes(node.from[0]).pipe(keep) as Changes)
}

function drawTableMapValues(node: NodeSpec, drawing: Drawing): void {
  const mapped = valueMapper(field(node, 'map'))
  const value = typeof node.storeValue === 'string' ? { value: serdeOf(node.storeValue) } : {}
  const mapRows = mapTable((row: unknown, key: unknown) => mapped(key, row), { ...storeOption(node), ...value })
  drawing.put(node.id, drawing.changes(node.from[0]).pipe(mapRows) as Changes)
}

function drawToStream(node: NodeSpec, drawing: Drawing): void {
  const stream = drawing.changes(node.from[0]).pipe(toStream()) as Records
  if (typeof node.by !== 'string') {
    drawing.put(node.id, stream)
    return
  }
  const by = keySelector(node.by)
  drawing.put(node.id, stream.pipe(selectKey((value: unknown, record: Message) => by(record.key, value))), true)
}

/** The operators that make or read tables. */
export const tableOperators: Readonly<Record<string, Draw>> = {
  count: drawCount,
  reduce: drawReduce,
  aggregate: drawAggregate,
  tableCount: drawTableCount,
  tableReduce: drawTableReduce,
  tableAggregate: drawTableAggregate,
  table: drawTable,
  tableFilter: (node, drawing) => drawTableFilter(node, drawing, true),
  tableFilterNot: (node, drawing) => drawTableFilter(node, drawing, false),
  tableMapValues: drawTableMapValues,
  toStream: drawToStream,
}
