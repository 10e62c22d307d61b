import {
  aggregate,
  type Change,
  count,
  filterTable,
  hopping,
  mapTable,
  reduce,
  regroup,
  repartition,
  table,
  toStream,
  tumbling,
} from '@riacho/streams'
import type { OperatorFunction } from 'rxjs'
import type { GroupSpec, NodeSpec, WindowSpec } from './case.ts'
import { type Adder, aggregator, initial, keySelector, predicate, reducer, valueMapper } from './functions.ts'
import { type Changes, choosing, type Draw, type Drawing, field, type Message, type Records, serdesOf } from './interpreter-drawing.ts'
import { serdeOf } from './serdes.ts'
import { type Datum, Missing, type Some } from './show.ts'

function groupOf(node: NodeSpec): GroupSpec {
  if (node.group === undefined) throw new Missing(`${node.op} without group`)
  return node.group
}

/** An aggregation of records. */
type Grouped = OperatorFunction<Message, Change<Datum, Some>>

/** The stream with equal keys together: moved by way of the group's topic when its key was changed. */
function grouped(node: NodeSpec, drawing: Drawing): Records {
  const group = groupOf(node)
  const from = drawing.input(node)
  const move = repartition<Datum, Datum>(group.name, serdesOf(group))
  if (typeof group.by !== 'string') return drawing.scattered(node.from[0]) ? from.pipe(move) : from
  return from.pipe(choosing(group.by), move)
}

/** The window of an aggregation; undefined when the node has none. */
function windowOf(node: NodeSpec, drawing: Drawing): ReturnType<typeof tumbling> | undefined {
  if (node.emit === 'onWindowClose') throw new Missing(`${node.op} that emits on window close`)
  const window: WindowSpec | undefined = node.window
  if (window === undefined) return undefined
  drawing.windowSizes.set(storeOf(node), window.sizeMs)
  const options = { grace: window.graceMs, ...(node.retentionMs !== undefined && { retention: node.retentionMs }) }
  if (window.type === 'tumbling') return tumbling(window.sizeMs, options)
  if (window.type === 'hopping') return hopping(window.sizeMs, { advance: window.advanceMs, ...options })
  throw new Missing(`${window.type} window`)
}

const storeOf = (node: NodeSpec): string => node.store ?? node.id
/** Refuses a store for an operator that computes its rows from its parent's. */
function withoutStore(node: NodeSpec): void {
  if (typeof node.store === 'string') throw new Missing(`${node.op} with a store of its own`)
}
const added =
  (add: Adder) =>
  (value: Datum, sum: Datum, record?: { readonly key: Datum }): Datum =>
    add(record?.key ?? null, value, sum)

function drawCount(node: NodeSpec, drawing: Drawing): void {
  const window = windowOf(node, drawing)
  const counted = window === undefined ? count<Datum, Some>(storeOf(node)) : count<Datum, Some>(storeOf(node), { window })
  drawing.put(node.id, grouped(node, drawing).pipe(counted as Grouped))
}

function drawReduce(node: NodeSpec, drawing: Drawing): void {
  const window = windowOf(node, drawing)
  const combine = reducer(field(node, 'reducer'))
  const value = serdeOf(groupOf(node).value)
  const reduced =
    window === undefined
      ? reduce<Datum, Some>(storeOf(node), combine, { value })
      : reduce<Datum, Some>(storeOf(node), combine, { value, window })
  drawing.put(node.id, grouped(node, drawing).pipe(reduced as Grouped))
}

function drawAggregate(node: NodeSpec, drawing: Drawing): void {
  const window = windowOf(node, drawing)
  const init = initial(field(node, 'init'))
  const add = added(aggregator(field(node, 'aggregator')))
  const value = serdeOf(field(node, 'result'))
  const folded =
    window === undefined
      ? aggregate<Datum, Some, Some>(storeOf(node), init, add, { value })
      : aggregate<Datum, Some, Some>(storeOf(node), init, add, { value, window })
  drawing.put(node.id, grouped(node, drawing).pipe(folded as Grouped))
}

/** The deltas of a table whose rows are grouped by another key. */
function regrouped(node: NodeSpec, drawing: Drawing) {
  const group = groupOf(node)
  const by = keySelector(group.by ?? 'key')
  const mapped = valueMapper(group.mapValue ?? 'identity')
  const move = (value: Datum, key: Datum) => [by(key, value), mapped(key, value)] as const
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
  if (node.versionedMs !== undefined) throw new Missing('table with a history of its rows')
  const serdes = serdesOf(node)
  drawing.sources.set(field(node, 'topic'), serdes)
  drawing.put(node.id, table(field(node, 'topic'), { ...serdes, ...(typeof node.store === 'string' && { store: node.store }) }) as Changes)
}

function drawTableFilter(node: NodeSpec, drawing: Drawing, wanted: boolean): void {
  withoutStore(node)
  const holds = predicate(field(node, 'predicate'))
  const keep = filterTable((value: Datum, key: Datum) => holds(key, value) === wanted)
  drawing.put(node.id, drawing.changes(node.from[0]).pipe(keep) as Changes)
}

function drawTableMapValues(node: NodeSpec, drawing: Drawing): void {
  withoutStore(node)
  const mapped = valueMapper(field(node, 'map'))
  const mapRows = mapTable((row: Datum, key: Datum) => mapped(key, row))
  drawing.put(node.id, drawing.changes(node.from[0]).pipe(mapRows) as Changes)
}

function drawToStream(node: NodeSpec, drawing: Drawing): void {
  const stream = drawing.changes(node.from[0]).pipe(toStream()) as Records
  if (typeof node.by !== 'string') {
    drawing.put(node.id, stream)
    return
  }
  drawing.put(node.id, stream.pipe(choosing(node.by)), true)
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
