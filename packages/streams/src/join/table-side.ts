import type { Node } from '../contract/node.ts'
import { RiachoError } from '../errors.ts'

/** Throws `RIACHO_NOT_A_PLAN` when `side` is not a table: types refuse it, but a program may have none. */
export function checkTable(side: Node, label: string): void {
  if (side.table === undefined) {
    throw new RiachoError(
      'RIACHO_NOT_A_PLAN',
      `'${label}' reads the rows of a table, and '${side.label}' is none: give it table(…) or toTable(…)`,
      {
        place: { node: label },
      },
    )
  }
}
