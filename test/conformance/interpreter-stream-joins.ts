import { joinStream, leftJoinStream, outerJoinStream, repartition } from '@riacho/streams'
import type { NodeSpec } from './case.ts'
import { joiner } from './functions.ts'
import { storeOf } from './interpreter-aggregates.ts'
import { type Draw, type Drawing, field, type Records, serdesOf } from './interpreter-drawing.ts'
import { serdeOf } from './serdes.ts'
import { type Datum, Missing } from './show.ts'

function milliseconds(node: NodeSpec, name: string): number {
  const value = node[name]
  if (typeof value !== 'number') throw new Missing(`${node.op} without ${name}`)
  return value
}

/** The serde's name of a side's values; undefined when the node is silent. */
function serdeNameOf(node: NodeSpec, side: 'left' | 'right'): string | undefined {
  const value = node[`${side}Value`]
  return typeof value === 'string' ? value : undefined
}

/** A side of a join, moved first when its key was changed. */
function sideOf(node: NodeSpec, side: 'left' | 'right', drawing: Drawing): Records {
  const id = node.from[side === 'left' ? 0 : 1]
  if (!drawing.scattered(id)) return drawing.records(id)
  const value = serdeNameOf(node, side)
  const serdes = serdesOf(value === undefined ? {} : { value })
  return drawing.records(id).pipe(repartition<Datum, Datum>(`${field(node, 'name')}-${side}`, serdes))
}

/** What the names of the stores of both sides end with. */
const suffixes = (how: string): readonly string[] => [
  how === 'outer' ? 'outer-this-join' : 'this-join',
  how === 'outer' || how === 'left' ? 'outer-other-join' : 'other-join',
]

function drawStreamJoin(node: NodeSpec, drawing: Drawing): void {
  const how = field(node, 'how')
  const store = storeOf(node)
  const meet = joiner(field(node, 'joiner'))
  const f = (left: Datum, right: Datum, key: Datum): Datum => meet(key, left, right)
  const before = milliseconds(node, 'beforeMs')
  const after = milliseconds(node, 'afterMs')
  const serdes = { left: serdeOf(serdeNameOf(node, 'left')), right: serdeOf(serdeNameOf(node, 'right')) }
  const options = { before, after, grace: milliseconds(node, 'graceMs'), ...serdes }
  const seldom = { ...options, emitEvery: drawing.of.config.emitIntervalMs ?? 1000 }
  const left = sideOf(node, 'left', drawing)
  const right = sideOf(node, 'right', drawing)
  for (const suffix of suffixes(how)) drawing.windowSizes.set(`${store}-${suffix}-store`, before + after)
  if (how === 'left') drawing.put(node.id, left.pipe(leftJoinStream<Datum, Datum, Datum, Datum>(store, right, f, seldom)))
  else if (how === 'outer') drawing.put(node.id, left.pipe(outerJoinStream<Datum, Datum, Datum, Datum>(store, right, f, seldom)))
  else drawing.put(node.id, left.pipe(joinStream<Datum, Datum, Datum, Datum>(store, right, f, options)))
}

/** The operators that join streams with streams. */
export const streamJoinsOperators: Readonly<Record<string, Draw>> = { streamJoin: drawStreamJoin }
