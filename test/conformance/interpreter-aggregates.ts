import {
  type AlignedWindows,
  aggregate,
  type Change,
  count,
  hopping,
  reduce,
  repartition,
  type SessionWindows,
  type SlidingWindows,
  session,
  sliding,
  tumbling,
} from '@riacho/streams'
import type { OperatorFunction } from 'rxjs'
import type { GroupSpec, NodeSpec, WindowSpec } from './case.ts'
import { type Adder, aggregator, initial, merger, reducer } from './functions.ts'
import { choosing, type Draw, type Drawing, field, type Message, type Records, serdesOf } from './interpreter-drawing.ts'
import { serdeOf } from './serdes.ts'
import { type Datum, Missing, type Some } from './show.ts'

/** What a node groups by. */
export function groupOf(node: NodeSpec): GroupSpec {
  if (node.group === undefined) throw new Missing(`${node.op} without group`)
  return node.group
}

/** An aggregation of records. */
type Grouped = OperatorFunction<Message, Change<Datum, Some>>

/** The stream with equal keys together: moved by way of the group's topic when its key was changed. */
export function grouped(node: NodeSpec, drawing: Drawing): Records {
  const group = groupOf(node)
  const from = drawing.input(node)
  const move = repartition<Datum, Datum>(group.name, serdesOf(group))
  if (typeof group.by !== 'string') return drawing.scattered(node.from[0]) ? from.pipe(move) : from
  return from.pipe(choosing(group.by), move)
}

/** The window of an aggregation; undefined when the node has none. */
export function windowOf(node: NodeSpec, drawing: Drawing): AlignedWindows | SlidingWindows | SessionWindows | undefined {
  const window: WindowSpec | undefined = node.window
  if (window === undefined) return undefined
  const options = { grace: window.graceMs, ...(node.retentionMs !== undefined && { retention: node.retentionMs }) }
  if (window.type === 'session') return session(window.gapMs, options)
  drawing.windowSizes.set(storeOf(node), window.type === 'sliding' ? window.diffMs : window.sizeMs)
  if (window.type === 'tumbling') return tumbling(window.sizeMs, options)
  if (window.type === 'hopping') return hopping(window.sizeMs, { advance: window.advanceMs, ...options })
  if (window.type === 'sliding') return sliding(window.diffMs, options)
  throw new Missing(`${window.type} window`)
}

/** When results are handed on. */
const emitOf = (node: NodeSpec, drawing: Drawing): { emit?: 'onClose'; emitEvery?: number } =>
  node.emit === 'onWindowClose' ? { emit: 'onClose', emitEvery: drawing.of.config.emitIntervalMs ?? 1000 } : {}

/** The name of a node's store. */
export const storeOf = (node: NodeSpec): string => node.store ?? node.id
/** An aggregator as an operator calls it. */
export const added =
  (add: Adder) =>
  (value: Datum, sum: Datum, record?: { readonly key: Datum }): Datum =>
    add(record?.key ?? null, value, sum)

function drawCount(node: NodeSpec, drawing: Drawing): void {
  const window = windowOf(node, drawing)
  const counted =
    window === undefined ? count<Datum, Some>(storeOf(node)) : count<Datum, Some>(storeOf(node), { window, ...emitOf(node, drawing) })
  drawing.put(node.id, grouped(node, drawing).pipe(counted as Grouped))
}

function drawReduce(node: NodeSpec, drawing: Drawing): void {
  const window = windowOf(node, drawing)
  const combine = reducer(field(node, 'reducer'))
  const value = serdeOf(groupOf(node).value)
  const reduced =
    window === undefined
      ? reduce<Datum, Some>(storeOf(node), combine, { value })
      : reduce<Datum, Some>(storeOf(node), combine, { value, window, ...emitOf(node, drawing) })
  drawing.put(node.id, grouped(node, drawing).pipe(reduced as Grouped))
}

/** Joins two results of sessions. */
export function mergerOf(node: NodeSpec): (earlier: Some, later: Some, key: Datum) => Datum {
  const merge = merger(field(node, 'merger'))
  return (earlier, later, key) => merge(key, earlier, later)
}

function drawAggregate(node: NodeSpec, drawing: Drawing): void {
  const window = windowOf(node, drawing)
  const init = initial(field(node, 'init'))
  const add = added(aggregator(field(node, 'aggregator')))
  const value = serdeOf(field(node, 'result'))
  const folded =
    window === undefined
      ? aggregate<Datum, Some, Some>(storeOf(node), init, add, { value })
      : window.kind === 'session'
        ? aggregate<Datum, Some, Some>(storeOf(node), init, add, { value, window, merge: mergerOf(node), ...emitOf(node, drawing) })
        : aggregate<Datum, Some, Some>(storeOf(node), init, add, { value, window, ...emitOf(node, drawing) })
  drawing.put(node.id, grouped(node, drawing).pipe(folded as Grouped))
}

/** The operators that aggregate streams. */
export const aggregateOperators: Readonly<Record<string, Draw>> = { count: drawCount, reduce: drawReduce, aggregate: drawAggregate }
