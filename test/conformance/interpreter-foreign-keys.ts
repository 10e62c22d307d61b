import { joinForeignKey, leftJoinForeignKey } from '@riacho/streams'
import type { NodeSpec } from './case.ts'
import { joiner, keySelector } from './functions.ts'
import { type Draw, type Drawing, field } from './interpreter-drawing.ts'
import { serdeOf } from './serdes.ts'
import type { Datum, Some } from './show.ts'

function drawForeignKeyJoin(node: NodeSpec, drawing: Drawing): void {
  const by = keySelector(field(node, 'foreignKey'))
  const pair = joiner(field(node, 'joiner'))
  const name = field(node, 'name')
  const right = drawing.changes(node.from[1])
  const options = { ...(typeof node.store === 'string' && { store: node.store }), value: serdeOf(node.storeValue as string | undefined) }
  const foreignKey = (row: Some, key: Datum): Datum => by(key, row)
  // A value joiner of Kafka Streams sees no key here.
  const f = (row: Some, other: Datum): Some | null => pair(null, row, other)
  const joined =
    field(node, 'how') === 'left'
      ? leftJoinForeignKey<Datum, Some, Datum, Some, Some>(name, right, foreignKey, f, options)
      : joinForeignKey<Datum, Some, Datum, Some, Some>(name, right, foreignKey, f, options)
  drawing.put(node.id, drawing.changes(node.from[0]).pipe(joined))
}

/** The operators that join tables by a foreign key. */
export const foreignKeysOperators: Readonly<Record<string, Draw>> = { foreignKeyJoin: drawForeignKeyJoin }
