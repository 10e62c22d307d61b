import { joinStream, leftJoinStream, outerJoinStream, repartition } from '@riacho/streams'
import type { OperatorFunction } from 'rxjs'
import type { NodeSpec } from './case.ts'
import { joiner } from './functions.ts'
import { storeOf } from './interpreter-aggregates.ts'
import { type Draw, type Drawing, field, type Message, type Records, serdesOf } from './interpreter-drawing.ts'
import { serdeOf } from './serdes.ts'
import { type Datum, Missing } from './show.ts'

/** The names of the stores of both sides, by what the store's name ends with. */
const sides: Readonly<Record<string, readonly [left: string, right: string]>> = {
  inner: ['this-join', 'other-join'],
  left: ['this-join', 'outer-other-join'],
  outer: ['outer-this-join', 'outer-other-join'],
}

function milliseconds(node: NodeSpec, name: string): number {
  const value = node[name]
  if (typeof value !== 'number') throw new Missing(`${node.op} without ${name}`)
  return value
}

/** A side of a join, moved first when its key was changed. */
function sideOf(node: NodeSpec, i: 0 | 1, drawing: Drawing): Records {
  const from = drawing.records(node.from[i])
  if (!drawing.scattered(node.from[i])) return from
  const value = node[i === 0 ? 'leftValue' : 'rightValue']
  const serdes = serdesOf(typeof value === 'string' ? { value } : {})
  return from.pipe(repartition<Datum, Datum>(`${field(node, 'name')}-${i === 0 ? 'left' : 'right'}`, serdes))
}

function drawStreamJoin(node: NodeSpec, drawing: Drawing): void {
  const how = field(node, 'how')
  const meet = joiner(field(node, 'joiner'))
  const f = (left: Datum, right: Datum, key: Datum): Datum => meet(key, left, right)
  const before = milliseconds(node, 'beforeMs')
  const after = milliseconds(node, 'afterMs')
  const serde = (name: string) => serdeOf(typeof node[name] === 'string' ? node[name] : undefined)
  const options = { before, after, grace: milliseconds(node, 'graceMs'), left: serde('leftValue'), right: serde('rightValue') }
  const unmatched = { ...options, emitEvery: drawing.of.config.emitIntervalMs ?? 1000 }
  const store = storeOf(node)
  const joins: Readonly<Record<string, (right: Records) => OperatorFunction<Message, Message>>> = {
    inner: right => joinStream<Datum, Datum, Datum, Datum>(store, right, f, { ...options, singleStore: right === left && optimized }),
    left: right => leftJoinStream<Datum, Datum, Datum, Datum>(store, right, f, unmatched),
    outer: right => outerJoinStream<Datum, Datum, Datum, Datum>(store, right, f, unmatched),
  }
  const optimized = drawing.of.config.optimize === true
  const joined = joins[how]
  if (joined === undefined) throw new Missing(`${how} stream join`)
  const left = sideOf(node, 0, drawing)
  const right = node.from[0] === node.from[1] && !drawing.scattered(node.from[0]) ? left : sideOf(node, 1, drawing)
  for (const suffix of sides[how]!) drawing.windowSizes.set(`${store}-${suffix}-store`, before + after)
  drawing.put(node.id, left.pipe(joined(right)))
}

/** The operators that join streams with streams. */
export const streamJoinsOperators: Readonly<Record<string, Draw>> = { streamJoin: drawStreamJoin }
