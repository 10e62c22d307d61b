// Kills the only broker of a real Kafka with -9 while an application runs, leaves it away, and starts it again: the same process must go on.
// node test/e2e/outage.ts [--seconds 20] [--guarantee exactly-once] [--rate 2000] [--runs 1]
import { parseArgs } from 'node:util'
import { kafka } from '@riacho/kafka'
import { startKafka } from '../servers/kafka.ts'
import { outage } from './kafka/absence.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    guarantee: { type: 'string', default: 'exactly-once' },
    rate: { type: 'string', default: '2000' },
    runs: { type: 'string', default: '1' },
  },
})
const guarantee = values.guarantee === 'at-least-once' ? 'at-least-once' : 'exactly-once'
const [seconds, rate, runs] = [Number(values.seconds), Number(values.rate), Number(values.runs)]
const growthMax = 64 << 20

const megabytes = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(0)} MB`
const time = (ms: number | undefined): string => (ms === undefined ? 'never' : `${(ms / 1000).toFixed(1)} s`)

const server = await startKafka({ properties: { 'group.min.session.timeout.ms': '1000' } })
const broker = await kafka({ brokers: [server.address], retryForMs: 300_000 })
let failures = 0
try {
  for (let run = 0; run < runs; run++) {
    const plan = { guarantee, awayMs: seconds * 1000, warmMs: 15_000, eventsPerSecond: rate } as const
    const { differences, code, error, memory, notReadyAfter, readyAfter, committedAfter } = await outage(server, broker, `${run}-`, plan)
    const growth = memory.after - memory.before
    const fine = differences.length === 0 && code === 0 && growth <= growthMax && notReadyAfter !== undefined
    if (!fine) failures++
    console.log(`${guarantee}, broker away for ${seconds} s: ${differences.join('; ') || 'equal to the recomputation'}; exit code ${code}`)
    console.log(`  memory ${megabytes(memory.before)}, then at most ${megabytes(memory.after)}: ${megabytes(growth)} more`)
    console.log(
      `  health: not ready ${time(notReadyAfter)} after the kill, ready ${time(readyAfter)} and committing ${time(committedAfter)} after the return`,
    )
    if (!fine) console.log(error)
  }
} finally {
  await broker.close()
  await server.stop()
}
console.log(failures === 0 ? 'passed' : `${failures} of ${runs} failed`)
process.exitCode = failures === 0 ? 0 : 1
