import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** Measured: 1,222 for the pipelines of budget/pipelines.ts; a fifth more is allowed. */
const instantiationsMax = 1466

/** How many types the compiler makes of generic ones for a project: a count, so that a slow machine changes nothing. */
function instantiations(project: string): number {
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const args = [compiler, '-p', join(root, 'test/types/budget', project), '--extendedDiagnostics', '--singleThreaded']
  const printed = execFileSync(process.execPath, args, { encoding: 'utf8' })
  return Number(/^Instantiations:\s+(\d+)$/m.exec(printed)?.[1])
}

it('pipelines are cheap to check', () => {
  const cost = instantiations('tsconfig.json') - instantiations('surface.tsconfig.json')
  expect(cost).toBeGreaterThan(0)
  expect(cost).toBeLessThanOrEqual(instantiationsMax)
})
