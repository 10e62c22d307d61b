import { join, leftJoin, repartition } from '@riacho/streams'
import type { NodeSpec } from './case.ts'
import { joiner } from './functions.ts'
import { type Draw, type Drawing, field, type Records, serdesOf } from './interpreter-drawing.ts'
import { type Datum, Missing, type Some } from './show.ts'

/** The stream of a join, moved first when its key was changed. */
function streamSide(node: NodeSpec, drawing: Drawing): Records {
  const from = drawing.input(node)
  return drawing.scattered(node.from[0]) ? from.pipe(repartition<Datum, Datum>(field(node, 'name'), serdesOf(node))) : from
}

function drawStreamTableJoin(node: NodeSpec, drawing: Drawing): void {
  if (node.graceMs !== undefined) throw new Missing('stream-table join with grace')
  const meet = joiner(field(node, 'joiner'))
  const f = (value: Datum, row: Datum, record: { readonly key: Datum }): Datum => meet(record.key, value, row)
  const table = drawing.changes(node.from[1])
  const joined = field(node, 'how') === 'left' ? leftJoin<Datum, Datum, Some, Datum>(table, f) : join<Datum, Datum, Some, Datum>(table, f)
  drawing.put(node.id, streamSide(node, drawing).pipe(joined) as Records)
}

/** The operators that join streams with tables, and tables with tables. */
export const joinsOperators: Readonly<Record<string, Draw>> = { streamTableJoin: drawStreamTableJoin }
