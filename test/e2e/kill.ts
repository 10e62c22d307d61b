// Kills the event processor at moments spread evenly over a slowed run, starts it again, and compares everything with the recomputation.
// node test/e2e/kill.ts [--runs 50] [--events 10000] [--rate 900] [--parallel 2]
import { parseArgs } from 'node:util'
import { type KillResult, killRun } from './kill.fixture.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '50' },
    events: { type: 'string', default: '10000' },
    rate: { type: 'string', default: '900' },
    parallel: { type: 'string', default: '2' },
  },
})
const [runs, events, rate, parallel] = [Number(values.runs), Number(values.events), Number(values.rate), Number(values.parallel)]
const within = (share: number): boolean => share >= 0.05 && share <= 0.95

/** Milliseconds that a slowed run takes at least. */
const duration = (events / rate) * 1000
console.log(`${runs} runs of ${events} lines, each slowed to ${(duration / 1000).toFixed(1)} s at least and killed once`)
console.log('run  killed after s  rows stored  result')

const results: KillResult[] = []
let next = 0
async function work(): Promise<void> {
  for (let run = next++; run < runs; run = next++) {
    const after = ((run + 0.5) / runs) * duration
    const result = await killRun({ events, rate, after, seed: run + 1 }).catch((thrown: unknown) => ({
      share: 0,
      differences: [String(thrown)],
    }))
    results.push(result)
    const rows = `${(result.share * 100).toFixed(1)} %`
    const verdict = result.differences.length === 0 ? 'equal' : result.differences.join('\n     ')
    console.log(`${String(run + 1).padStart(3)}  ${(after / 1000).toFixed(2).padStart(14)}  ${rows.padStart(11)}  ${verdict}`)
  }
}
await Promise.all(Array.from({ length: parallel }, work))

const equal = results.filter(({ differences }) => differences.length === 0).length
const inTheMiddle = results.filter(({ share }) => within(share)).length
console.log(`${equal} of ${runs} equal the recomputation; ${inTheMiddle} were killed between 5 % and 95 % of the rows`)
process.exitCode = equal === runs && inTheMiddle >= runs * 0.8 ? 0 : 1
