import { commits } from './commits.ts'
import { connectors } from './connectors.ts'
import { joins } from './joins.ts'
import { kafka } from './kafka.ts'
import type { Mutant } from './mutant.ts'
import { policy } from './policy.ts'
import { stores } from './stores.ts'
import { tables } from './tables.ts'
import { tasks } from './tasks.ts'
import { verbs } from './verbs.ts'
import { windows } from './windows.ts'

/** The bugs that the tests must catch, by area. */
export const areas: Readonly<Record<string, readonly Mutant[]>> = {
  commits,
  tasks,
  windows,
  joins,
  tables,
  stores,
  verbs,
  kafka,
  policy,
  connectors,
}
