import { aggregate, count, filterTable, mapTable, reduce, regroup, table, toStream } from '@riacho/streams'
import type { NodeSpec } from './case.ts'
import { aggregator, initial, keySelector, predicate, reducer, valueMapper } from './functions.ts'
import { added, groupOf, storeOf } from './interpreter-aggregates.ts'
import { type Changes, choosing, type Draw, type Drawing, field, type Records, serdesOf } from './interpreter-drawing.ts'
import { serdeOf } from './serdes.ts'
import { type Datum, Missing } from './show.ts'

/** Refuses a store for an operator that computes its rows from its parent's. */
function withoutStore(node: NodeSpec): void {
  if (typeof node.store === 'string') throw new Missing(`${node.op} with a store of its own`)
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
  tableCount: drawTableCount,
  tableReduce: drawTableReduce,
  tableAggregate: drawTableAggregate,
  table: drawTable,
  tableFilter: (node, drawing) => drawTableFilter(node, drawing, true),
  tableFilterNot: (node, drawing) => drawTableFilter(node, drawing, false),
  tableMapValues: drawTableMapValues,
  toStream: drawToStream,
}
