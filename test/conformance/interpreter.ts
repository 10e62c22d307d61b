import { optimize, RiachoError, type Topology, topology } from '@riacho/streams'
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
  if (!lacksName(of, new Set())) return drawn(of, new Set())
  const unnamed = of.topology.flatMap(({ id, op, store }) => (op === 'toTable' && typeof store !== 'string' ? [id] : []))
  const needed = unnamed.filter(id => lacksName(of, new Set(unnamed.filter(other => other !== id))))
  return drawn(of, new Set(needed))
}

/** Kafka Streams makes up a name for a store that is needed and has none; Riacho says that it needs one. */
function lacksName(of: Case, named: ReadonlySet<string>): boolean {
  try {
    drawn(of, named)
    return false
  } catch (thrown) {
    if (thrown instanceof RiachoError && thrown.code === 'RIACHO_NAME') return true
    throw thrown
  }
}

function drawn(of: Case, rowsNeeded: ReadonlySet<string>): Interpreted {
  const drawing = new Drawing(of, rowsNeeded)
  for (const node of of.topology) {
    const draw = Object.hasOwn(operators, node.op) ? operators[node.op] : undefined
    if (draw === undefined) throw new Missing(`operation ${node.op}`)
    draw(node, drawing)
  }
  const plan = topology(of.application, ...drawing.ends())
  return { topology: of.config.optimize === true ? optimize(plan) : plan, drawing }
}
