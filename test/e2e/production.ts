// The event processor on real servers, compared with a recomputation from its file. Starts the servers, and stops them.
// npm run e2e -- [--events 100000] [--seed 1] [--few-of 100] [--always-of 1000]
import { parseArgs } from 'node:util'
import { comparePauses } from './production/compare.ts'
import { runProduction } from './production/run.ts'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    'few-of': { type: 'string', default: '100' },
    'always-of': { type: 'string', default: '1000' },
  },
})

// Servers end with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const { checks, pauses } = await runProduction({
  events: Number(values.events),
  seed: Number(values.seed),
  fewOf: Number(values['few-of']),
  alwaysOf: Number(values['always-of']),
  say: line => console.log(line),
})
const all = [...checks, comparePauses('stored', pauses.stored), comparePauses('queued', pauses.queued)]
for (const [system, of] of Object.entries(pauses))
  console.log(`mean pauses where events are ${system}: ${of.map(pause => `${pause.toFixed(0)} ms`).join(', ')}`)
for (const { name, wrong } of all) console.log(wrong === undefined ? `✓ ${name}` : `✗ ${name}: ${wrong}`)
const failed = all.filter(({ wrong }) => wrong !== undefined).length
console.log(`${all.length - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
