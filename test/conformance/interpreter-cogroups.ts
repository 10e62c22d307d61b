import { type CogroupStream, cogroup } from '@riacho/streams'
import type { GroupSpec, NodeSpec } from './case.ts'
import { aggregator, initial } from './functions.ts'
import { added, grouped, mergerOf, storeOf, windowOf } from './interpreter-aggregates.ts'
import { type Changes, type Draw, type Drawing, field } from './interpreter-drawing.ts'
import { serdeOf } from './serdes.ts'
import { type Datum, Missing, type Some } from './show.ts'

/** One stream of a cogroup. */
interface InputSpec {
  readonly from: string
  readonly group: GroupSpec
  readonly aggregator: string
}

type Input = CogroupStream<Datum, Datum, Some>

function inputsOf(node: NodeSpec, drawing: Drawing): readonly [Input, ...Input[]] {
  const inputs = ((node.inputs ?? []) as readonly InputSpec[]).map(({ from, group, aggregator: name }): Input => {
    return [grouped({ ...node, from: [from], group }, drawing), added(aggregator(name))]
  })
  const [first, ...others] = inputs
  if (first === undefined) throw new Missing('cogroup without inputs')
  return [first, ...others]
}

function drawCogroup(node: NodeSpec, drawing: Drawing): void {
  const window = windowOf(node, drawing)
  const init = initial(field(node, 'init'))
  const value = serdeOf(field(node, 'result'))
  const inputs = inputsOf(node, drawing)
  const table =
    window === undefined
      ? cogroup(storeOf(node), init, inputs, { value })
      : window.kind === 'session'
        ? cogroup(storeOf(node), init, inputs, { value, window, merge: mergerOf(node) })
        : cogroup(storeOf(node), init, inputs, { value, window })
  drawing.put(node.id, table as Changes)
}

/** The operators that group several streams together. */
export const cogroupsOperators: Readonly<Record<string, Draw>> = { cogroup: drawCogroup }
