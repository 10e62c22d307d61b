import { expect, it } from 'vitest'
import { runProduction } from './production/run.ts'

it('the event processor on real servers, some of which refuse: rows, items, messages, windows and dead letters equal the recomputation', async () => {
  const said: string[] = []
  const { checks, pauses } = await runProduction({ events: 2000, seed: 2, fewOf: 50, alwaysOf: 200, say: line => said.push(line) })
  expect(checks.filter(({ wrong }) => wrong !== undefined)).toEqual([])
  expect(checks.length).toBe(18)
  // Nobody waits for less than 50 ms; that pauses grow in the mean takes more events.
  for (const pause of [...pauses.stored, ...pauses.queued]) expect(pause).toBeGreaterThan(48)
}, 600_000)
