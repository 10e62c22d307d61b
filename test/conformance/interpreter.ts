import { type Topology, topology } from '@riacho/streams'
import type { Case } from './case.ts'
import { type Draw, Drawing } from './interpreter-drawing.ts'
import { processOperators } from './interpreter-processors.ts'
import { streamOperators } from './interpreter-streams.ts'
import { tableOperators } from './interpreter-tables.ts'
import { Missing } from './show.ts'

const operators: Readonly<Record<string, Draw>> = { ...streamOperators, ...tableOperators, ...processOperators }

/** A case as a plan of Riacho, with what a reader of the results must know. */
export interface Interpreted {
  readonly topology: Topology
  readonly drawing: Drawing
}

/** Draws the plan of a case with Riacho's public operators. Throws {@link Missing} for what Riacho does not have. */
export function interpret(of: Case): Interpreted {
  if (of.config.optimize === true) throw new Missing('topology optimization')
  const drawing = new Drawing(of)
  for (const node of of.topology) {
    const draw = Object.hasOwn(operators, node.op) ? operators[node.op] : undefined
    if (draw === undefined) throw new Missing(`operation ${node.op}`)
    draw(node, drawing)
  }
  return { topology: topology(of.application, ...drawing.ends()), drawing }
}
