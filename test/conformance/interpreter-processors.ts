import { branch, keyValueStore, process, windowStore } from '@riacho/streams'
import type { NodeSpec, ProcessorStore } from './case.ts'
import { predicate } from './functions.ts'
import { type Draw, type Drawing, field, type Message } from './interpreter-drawing.ts'
import { processors } from './processors.ts'
import { serdeOf } from './serdes.ts'
import { type Datum, Missing, type Some, show } from './show.ts'

type KeyValueSpec = ReturnType<typeof keyValueStore<Some, Some>>
type WindowSpec = ReturnType<typeof windowStore<Some, Some>>

const serdesOf = ({ key, value }: ProcessorStore) => ({ key: serdeOf(key), value: serdeOf(value) })

function storeOf(spec: ProcessorStore, drawing: Drawing): KeyValueSpec | WindowSpec {
  if (spec.kind === 'kv') return drawing.store(spec.name, () => keyValueStore(spec.name, serdesOf(spec)))
  if (spec.kind !== 'window') throw new Missing(`${spec.kind} store`)
  drawing.windowSizes.set(spec.name, spec.sizeMs)
  return drawing.store(spec.name, () => windowStore(spec.name, { ...serdesOf(spec), retention: spec.retentionMs }))
}

/** Forwards to one child or to another. */
function drawRoute(node: NodeSpec, drawing: Drawing): void {
  const { pred, yes, no } = node.params ?? {}
  const holds = predicate(show(pred))
  const input = drawing.input(node)
  const { taken, rest } = branch(input, { taken: (value: Datum, record: Message) => holds(record.key, value) })
  drawing.putChildren(node.id, input, { [show(yes)]: taken, [show(no)]: rest })
}

function drawProcessor(node: NodeSpec, drawing: Drawing): void {
  const name = field(node, 'processor')
  const make = Object.hasOwn(processors, name) ? processors[name] : undefined
  if (make === undefined) throw new Missing(`processor ${name}`)
  const params = node.params ?? {}
  const specs = new Map((node.stores ?? []).map(spec => [spec.name, storeOf(spec, drawing)] as const))
  const spec = specs.get(show(params.store))
  const drawn = process<Datum, Datum, Datum, Datum>(
    node.id,
    context => {
      const keyValue = () => context.store(spec as KeyValueSpec)
      const windows = () => context.store(spec as WindowSpec)
      return make({ context, params, keyValue, windows })
    },
    { stores: [...specs.values()] },
  )
  drawing.put(node.id, drawing.input(node).pipe(drawn), node.op === 'process' || drawing.scattered(node.from[0]))
}

/** Processors: the user's own operators. */
export const processOperators: Readonly<Record<string, Draw>> = {
  process: (node, drawing) => (node.processor === 'route' ? drawRoute(node, drawing) : drawProcessor(node, drawing)),
  processValues: drawProcessor,
}
