import {
  aggregate,
  count,
  filterTable,
  mapTable,
  reduce,
  regroup,
  repartition,
  type Serde,
  table,
  toStream,
  toTable,
} from '@riacho/streams'
import type { NodeSpec } from './case.ts'
import { aggregator, initial, keySelector, predicate, reducer, valueMapper } from './functions.ts'
import { groupOf, storeOf } from './interpreter-aggregates.ts'
import { type Changes, type Draw, type Drawing, field, type Records, serdesOf } from './interpreter-drawing.ts'
import { serdeOf } from './serdes.ts'
import type { Datum, Some } from './show.ts'

/** The store of a table, where the case names one, and the serde of its values: text, unless the case says it or they are those of another table. */
export function kept(node: NodeSpec, came?: Serde<unknown>): { readonly store?: string; readonly value: Serde<Some> } {
  const value = node.storeValue === undefined && came !== undefined ? (came as Serde<Some>) : serdeOf(node.storeValue as string | undefined)
  return { ...(typeof node.store === 'string' && { store: node.store }), value }
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
  const [add, subtract] = [aggregator(field(node, 'adder')), aggregator(field(node, 'subtractor'))]
  const summed = aggregate<Some, Some, Some>(
    storeOf(node),
    initial(field(node, 'init')),
    (value: Datum, sum: Datum, group: Datum) => add(group, value, sum),
    { value: serdeOf(field(node, 'result')), subtract: (value, sum, group) => subtract(group, value, sum) },
  )
  drawing.put(node.id, regrouped(node, drawing).pipe(summed) as Changes)
}

const historyOf = ({ versionedMs }: NodeSpec) => typeof versionedMs === 'number' && { historyRetention: versionedMs }

function drawTable(node: NodeSpec, drawing: Drawing): void {
  const serdes = serdesOf(node)
  drawing.sources.set(field(node, 'topic'), serdes)
  const store = typeof node.store === 'string' && { store: node.store }
  const onError = drawing.of.config.onDeserializationError === 'continue' ? 'skip' : 'fail'
  drawing.put(node.id, table(field(node, 'topic'), { ...serdes, ...store, ...historyOf(node), onError }) as Changes)
}

function drawToTable(node: NodeSpec, drawing: Drawing): void {
  const store = (typeof node.store === 'string' || drawing.rowsNeeded.has(node.id)) && { store: storeOf(node) }
  const options = { ...serdesOf(node), ...store, ...historyOf(node) } as Parameters<typeof toTable<Datum, Datum>>[0]
  const from = drawing.input(node)
  const records = drawing.scattered(node.from[0]) ? from.pipe(repartition<Datum, Datum>(node.id, serdesOf(node))) : from
  drawing.put(node.id, records.pipe(toTable<Datum, Datum>(options)) as Changes)
}

function drawTableFilter(node: NodeSpec, drawing: Drawing, wanted: boolean): void {
  const holds = predicate(field(node, 'predicate'))
  const from = drawing.changes(node.from[0])
  const keep = filterTable<Datum, Some>((value, key) => holds(key, value) === wanted, kept(node, from.node.value))
  drawing.put(node.id, from.pipe(keep) as Changes)
}

function drawTableMapValues(node: NodeSpec, drawing: Drawing): void {
  const mapped = valueMapper(field(node, 'map'))
  const mapRows = mapTable<Datum, Some, Some>((row, key) => mapped(key, row), kept(node))
  drawing.put(node.id, drawing.changes(node.from[0]).pipe(mapRows) as Changes)
}

function drawToStream(node: NodeSpec, drawing: Drawing): void {
  const changes = drawing.changes(node.from[0])
  if (typeof node.by !== 'string') {
    drawing.put(node.id, changes.pipe(toStream()) as Records)
    return
  }
  const by = keySelector(node.by)
  drawing.put(node.id, changes.pipe(toStream({ key: (value: Datum, key) => by(key, value) as string | null })), true)
}

/** The operators that make or read tables. */
export const tableOperators: Readonly<Record<string, Draw>> = {
  tableCount: drawTableCount,
  tableReduce: drawTableReduce,
  tableAggregate: drawTableAggregate,
  table: drawTable,
  toTable: drawToTable,
  tableFilter: (node, drawing) => drawTableFilter(node, drawing, true),
  tableFilterNot: (node, drawing) => drawTableFilter(node, drawing, false),
  tableMapValues: drawTableMapValues,
  toStream: drawToStream,
}
