import { keyValueStore, type ProcessContext, process, processInto, processValues, windowStore } from '@riacho/streams'
import type { NodeSpec, ProcessorStore } from './case.ts'
import { predicate } from './functions.ts'
import { type Draw, type Drawing, field, type Records } from './interpreter-drawing.ts'
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
  const streams: Readonly<Record<string, Records>> = processInto<Datum, Datum, Record<string, Datum>, Record<string, Datum>>(
    input,
    node.id,
    ({ forward }) =>
      record =>
        forward(record, show(holds(record.key, record.value) ? yes : no)),
    { outputs: { [show(yes)]: {}, [show(no)]: {} } },
  )
  drawing.putChildren(node.id, input, streams)
}

/** The behaviour of a processor, and what it uses. */
function processorOf(node: NodeSpec, drawing: Drawing) {
  const name = field(node, 'processor')
  const make = Object.hasOwn(processors, name) ? processors[name] : undefined
  if (make === undefined) throw new Missing(`processor ${name}`)
  const params = node.params ?? {}
  const specs = new Map((node.stores ?? []).map(spec => [spec.name, storeOf(spec, drawing)] as const))
  const spec = specs.get(show(params.store))
  const processor = (context: ProcessContext<Datum, Datum>) => {
    const keyValue = () => context.store(spec as KeyValueSpec)
    const windows = () => context.store(spec as WindowSpec)
    return make({ context, params, keyValue, windows })
  }
  // Kafka Streams asks no processor whether equal keys come to it together.
  return { processor, options: { stores: [...specs.values()], keyed: false } }
}

function drawProcess(node: NodeSpec, drawing: Drawing): void {
  const { processor, options } = processorOf(node, drawing)
  drawing.put(node.id, drawing.input(node).pipe(process<Datum, Datum, Datum, Datum>(node.id, processor, options)), true)
}

function drawProcessValues(node: NodeSpec, drawing: Drawing): void {
  const { processor, options } = processorOf(node, drawing)
  const drawn = drawing.input(node).pipe(processValues<Datum, Datum, Datum>(node.id, processor, options))
  drawing.put(node.id, drawn, drawing.scattered(node.from[0]))
}

/** Processors: the user's own operators. */
export const processOperators: Readonly<Record<string, Draw>> = {
  process: (node, drawing) => (node.processor === 'route' ? drawRoute(node, drawing) : drawProcess(node, drawing)),
  processValues: drawProcessValues,
}
