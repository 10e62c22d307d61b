// Kills an application on a real Kafka with -9 at random moments, lets it run to its end, and compares its outputs with the recomputation.
// node test/e2e/kill-kafka.ts [--runs 20] [--events 15000] [--kills 3] [--seed 1]
import { parseArgs } from 'node:util'
import { kafka } from '@riacho/kafka'
import { startKafka } from '../servers/kafka.ts'
import { Events } from './kafka/events.ts'
import { killed } from './kafka/killed.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    events: { type: 'string', default: '15000' },
    kills: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
  },
})
const [runs, events, kills, seed] = [Number(values.runs), Number(values.events), Number(values.kills), Number(values.seed)]
const server = await startKafka({ properties: { 'group.min.session.timeout.ms': '1000' } })
const broker = await kafka({ brokers: [server.address] })
let [equal, inWork] = [0, 0]
try {
  for (let run = 0; run < runs; run++) {
    const guarantee = run % 4 === 3 ? 'at-least-once' : 'exactly-once'
    const began = performance.now()
    const result = await killed(
      new Events(broker, `${run}-`),
      { address: server.address, guarantee },
      { events, kills, seed: seed + run },
    ).catch((thrown: unknown) => ({ differences: [String(thrown)], unfinished: 0, after: [] }))
    if (result.differences.length === 0) equal++
    inWork += result.unfinished
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    console.log(
      `${run + 1}  ${guarantee}  killed after ${result.after} ms, ${result.unfinished} times in its work, ${seconds} s  ${result.differences.join('; ') || 'equal'}`,
    )
  }
} finally {
  await broker.close()
  await server.stop()
}
console.log(`${equal} of ${runs} equal the recomputation; ${inWork} of ${runs * kills} kills met the application in its work`)
process.exitCode = equal === runs ? 0 : 1
