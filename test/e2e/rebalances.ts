// Rebalances under load, for as long as you like, each run with a seed of its own. A run that fails says its seed.
// node test/e2e/rebalances.ts [--minutes 5] [--seed 1] [--seconds 10]
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { startKafka } from '../servers/kafka.ts'
import { rebalanced } from './kafka/rebalanced.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '10' },
  },
})
const end = Date.now() + Number(values.minutes) * 60_000
const server = await startKafka({ properties: { 'group.min.session.timeout.ms': '1000' } })
let wrong = 0
for (let seed = Number(values.seed); Date.now() < end; seed++) {
  const began = Date.now()
  const outcome = await rebalanced({
    bootstrap: server.address,
    seed,
    milliseconds: Number(values.seconds) * 1000,
    name: `rebalances-${seed}`,
  })
  const bad = [...outcome.written].filter(([key, count]) => {
    const once = Array.from({ length: count }, (_, i) => i + 1)
    return !isDeepStrictEqual(outcome.counted.get(key), once)
  })
  const failed = bad.length + outcome.shared.length + outcome.failures.length > 0
  if (failed) wrong++
  const total = [...outcome.written.values()].reduce((a, b) => a + b, 0)
  console.log(`seed ${seed}: ${total} records, ${outcome.story.length} changes, ${Date.now() - began} ms${failed ? ': WRONG' : ''}`)
  if (failed) console.log(outcome.story.join(', '), bad, outcome.shared, outcome.failures)
}
await server.stop()
process.exitCode = wrong === 0 ? 0 : 1
