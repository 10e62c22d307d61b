import { optimize, type Topology, topology } from '@riacho/streams'
import type { Case } from './case.ts'
import { aggregateOperators } from './interpreter-aggregates.ts'
import { cogroupsOperators } from './interpreter-cogroups.ts'
import { type Draw, Drawing } from './interpreter-drawing.ts'
import { foreignKeysOperators } from './interpreter-foreign-keys.ts'
import { globalsOperators } from './interpreter-globals.ts'
import { joinsOperators } from './interpreter-joins.ts'
import { processOperators } from './interpreter-processors.ts'
import { streamJoinsOperators } from './interpreter-stream-joins.ts'
import { streamOperators } from './interpreter-streams.ts'
import { suppressOperators } from './interpreter-suppress.ts'
import { tableOperators } from './interpreter-tables.ts'
import { Missing } from './show.ts'

const operators: Readonly<Record<string, Draw>> = {
  ...streamOperators,
  ...aggregateOperators,
  ...cogroupsOperators,
  ...tableOperators,
  ...joinsOperators,
  ...foreignKeysOperators,
  ...streamJoinsOperators,
  ...suppressOperators,
  ...globalsOperators,
  ...processOperators,
}

/** A case as a plan of Riacho, with what a reader of the results must know. */
export interface Interpreted {
  readonly topology: Topology
  readonly drawing: Drawing
}

/** Draws the plan of a case with Riacho's public operators. Throws {@link Missing} for what Riacho does not have. */
export function interpret(of: Case): Interpreted {
  const drawing = new Drawing(of)
  for (const node of of.topology) {
    const draw = Object.hasOwn(operators, node.op) ? operators[node.op] : undefined
    if (draw === undefined) throw new Missing(`operation ${node.op}`)
    draw(node, drawing)
  }
  const drawn = topology(of.application, ...drawing.ends())
  return { topology: of.config.optimize === true ? optimize(drawn) : drawn, drawing }
}
