import { join, joinTable, leftJoin, leftJoinTable, outerJoinTable, repartition } from '@riacho/streams'
import type { NodeSpec } from './case.ts'
import { joiner } from './functions.ts'
import { type Changes, type Draw, type Drawing, field, type Records, serdesOf } from './interpreter-drawing.ts'
import { kept } from './interpreter-tables.ts'
import { serdeOf } from './serdes.ts'
import type { Datum, Some } from './show.ts'

/** The name of an operator: its id, where the case gives it no other. */
const nameOf = (node: NodeSpec): string => (typeof node.name === 'string' ? node.name : node.id)

/** The stream of a join, moved first when its key was changed. */
function streamSide(node: NodeSpec, drawing: Drawing): Records {
  const from = drawing.input(node)
  return drawing.scattered(node.from[0]) ? from.pipe(repartition<Datum, Datum>(nameOf(node), serdesOf(node))) : from
}

function drawStreamTableJoin(node: NodeSpec, drawing: Drawing): void {
  const grace = typeof node.graceMs === 'number' && { grace: node.graceMs, name: nameOf(node), value: serdeOf(node.value) }
  const meet = joiner(field(node, 'joiner'))
  const f = (value: Datum, row: Datum, record: { readonly key: Datum }): Datum => meet(record.key, value, row)
  const table = drawing.changes(node.from[1])
  const joined =
    field(node, 'how') === 'left'
      ? leftJoin<Datum, Datum, Some, Datum>(table, f, { ...grace })
      : join<Datum, Datum, Some, Datum>(table, f, { ...grace })
  drawing.put(node.id, streamSide(node, drawing).pipe(joined) as Records)
}

const wider: Readonly<Record<string, typeof outerJoinTable>> = { left: leftJoinTable, outer: outerJoinTable }

function drawTableJoin(node: NodeSpec, drawing: Drawing): void {
  const meet = joiner(field(node, 'joiner'))
  const join = wider[field(node, 'how')] ?? joinTable
  // Kafka Streams shows the joiner of two tables no key.
  const f = (left: Datum, right: Datum): Datum => meet(null, left, right)
  const joined = join<Datum, Some, Some, Some>(drawing.changes(node.from[1]), f, kept(node))
  drawing.put(node.id, drawing.changes(node.from[0]).pipe(joined) as Changes)
}

/** The operators that join streams with tables, and tables with tables. */
export const joinsOperators: Readonly<Record<string, Draw>> = { streamTableJoin: drawStreamTableJoin, tableJoin: drawTableJoin }
