import { type KTable, type Serde, suppress, text, type Windowed } from '@riacho/streams'
import type { NodeSpec } from './case.ts'
import { type Changes, type Draw, type Drawing, field } from './interpreter-drawing.ts'
import type { Datum, Some } from './show.ts'

const number = (node: NodeSpec, name: string): number | undefined => (typeof node[name] === 'number' ? node[name] : undefined)

function bounds(node: NodeSpec): { readonly recordsMax?: number; readonly bytesMax?: number } {
  const recordsMax = number(node, 'maxRecords')
  const bytesMax = number(node, 'maxBytes')
  return { ...(recordsMax !== undefined && { recordsMax }), ...(bytesMax !== undefined && { bytesMax }) }
}

function drawSuppress(node: NodeSpec, drawing: Drawing): void {
  const from = drawing.changes(node.from[0])
  const name = field(node, 'name')
  const options = { ...bounds(node), value: (from.node.value ?? text) as Serde<Some> }
  if (node.until === 'windowCloses') {
    const windows = from as unknown as KTable<Windowed<Datum>, Some>
    drawing.put(node.id, windows.pipe(suppress(name, { until: 'windowCloses', ...options })) as unknown as Changes)
    return
  }
  const whenFull = node.whenFull === 'shutDown' ? 'stop' : 'emit'
  const held = suppress<Datum, Some>(name, { until: 'timeLimit', limit: number(node, 'limitMs') ?? 0, whenFull, ...options })
  drawing.put(node.id, from.pipe(held) as Changes)
}

/** The operators that hold results back. */
export const suppressOperators: Readonly<Record<string, Draw>> = { suppress: drawSuppress }
