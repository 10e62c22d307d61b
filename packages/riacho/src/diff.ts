import { readFileSync } from 'node:fs'
import { describeJson, diff, type TopologyDescription } from '@riacho/streams'
import { reasonOf } from '@riacho/streams/engine'
import { failure } from './errors.ts'
import { loadTopology } from './load.ts'

/** What two plans differ in, line by line, and whether going from the one to the other breaks or loses something. */
export interface Difference {
  readonly text: string
  readonly grave: boolean
}

/**
 * Compares the plans of two files: modules that export a topology, or what `riacho describe --format json` printed. Rejects as {@link loadTopology} does, and with
 * `RIACHO_DESCRIPTION`.
 */
export async function differenceOf(old: string, now: string): Promise<Difference> {
  const changes = diff(await planOf(old), await planOf(now))
  return {
    text:
      changes.length === 0
        ? 'nothing that state or topics depend on\n'
        : changes.map(({ effect, message }) => `${effect}: ${message}\n`).join(''),
    grave: changes.some(({ effect }) => effect !== 'notes'),
  }
}

async function planOf(file: string): Promise<TopologyDescription> {
  if (!file.endsWith('.json')) return describeJson(await loadTopology(file))
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'))
  } catch (thrown) {
    throw failure('RIACHO_DESCRIPTION', `${file} is no JSON that can be read: ${reasonOf(thrown)}`, thrown)
  }
  const plan = parsed as Partial<TopologyDescription> | null
  if (typeof plan?.id === 'string' && Array.isArray(plan.subTopologies) && Array.isArray(plan.stores)) return plan as TopologyDescription
  throw failure('RIACHO_DESCRIPTION', `${file} is no description of a plan: make it with riacho describe --format json`)
}
