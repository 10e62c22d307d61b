import { type GlobalTable, globalTable, leftLookup, lookup } from '@riacho/streams'
import type { NodeSpec } from './case.ts'
import { joiner, keySelector } from './functions.ts'
import { type Draw, type Drawing, field, type Message, serdesOf } from './interpreter-drawing.ts'
import { type Datum, Missing, type Some } from './show.ts'

/** A global table whose types only the case knows. */
type Whole = GlobalTable<Datum, Some>

const nameOf = (id: string | undefined): string => `global ${id}`

function drawGlobalTable(node: NodeSpec, drawing: Drawing): void {
  const serdes = serdesOf(node)
  const topic = field(node, 'topic')
  drawing.sources.set(topic, serdes)
  const onError = drawing.of.config.onDeserializationError === 'continue' ? 'skip' : 'fail'
  const store = typeof node.store === 'string' ? { store: node.store } : {}
  drawing.store(nameOf(node.id), () => globalTable(topic, { ...serdes, onError, ...store }))
}

function drawGlobalJoin(node: NodeSpec, drawing: Drawing): void {
  const table = drawing.store<Whole>(nameOf(node.from[1]), () => {
    throw new Missing(`global table ${node.from[1]}`)
  })
  const by = keySelector(field(node, 'by'))
  const key = (value: Datum, record: Message): Datum => by(record.key, value)
  const join = joiner(field(node, 'joiner'))
  const joined = (value: Datum, row: Datum, record: Message): Datum => join(record.key, value, row)
  const operator = node.how === 'left' ? leftLookup(table, key, joined) : lookup(table, key, joined)
  drawing.put(node.id, drawing.input(node).pipe(operator), drawing.scattered(node.from[0]))
}

/** The operators that read a global table. */
export const globalsOperators: Readonly<Record<string, Draw>> = { globalTable: drawGlobalTable, streamGlobalJoin: drawGlobalJoin }
