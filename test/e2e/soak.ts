// Sends so much at an even rate through an application on a real Kafka: its resident memory must be flat after the first minute, its descriptors must not grow.
// node test/e2e/soak.ts [--gigabytes 10] [--minutes 10] [--guarantee exactly-once]
import { parseArgs } from 'node:util'
import { kafka } from '@riacho/kafka'
import { startKafka } from '../servers/kafka.ts'
import { growthOf, soak } from './kafka/soaked.ts'

const { values } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '10' },
    minutes: { type: 'string', default: '10' },
    guarantee: { type: 'string', default: 'exactly-once' },
  },
})
const [bytes, milliseconds] = [Number(values.gigabytes) * 1e9, Number(values.minutes) * 60_000]
const guarantee = values.guarantee === 'at-least-once' ? 'at-least-once' : 'exactly-once'
const growthMax = 32 << 20
const megabytes = (of: number): string => (of / (1 << 20)).toFixed(0)

const server = await startKafka({ properties: { 'log.retention.check.interval.ms': '5000', 'log.segment.delete.delay.ms': '1000' } })
const broker = await kafka({ brokers: [server.address] })
try {
  console.log(`${values.gigabytes} GB in ${values.minutes} minutes, ${guarantee}`)
  console.log('seconds  GB written  records taken  resident MB  descriptors')
  const result = await soak(broker, { address: server.address, bytes, milliseconds, guarantee, everyMs: 10_000 }, sample => {
    const columns = [sample.seconds, (sample.bytes / 1e9).toFixed(2), sample.taken, megabytes(sample.resident), sample.descriptors]
    console.log(columns.map((column, i) => String(column).padStart([7, 11, 14, 12, 12][i]!)).join(' '))
  })
  const after = result.samples.filter(({ seconds }) => seconds > Math.min(60, milliseconds / 10_000))
  const growth = growthOf(after)
  // A question for the metrics, or a pause of the loop, has one for a moment.
  const most = (of: typeof after): number => Math.max(...of.map(sample => sample.descriptors))
  const half = Math.ceil(after.length / 2)
  const descriptors = most(after.slice(half)) - most(after.slice(0, half))
  const faults = [
    ...(growth > growthMax ? [`memory grew by ${megabytes(growth)} MB`] : []),
    ...(descriptors > 0 ? [`descriptors grew by ${descriptors}`] : []),
    ...(result.taken === result.written ? [] : [`${result.taken} of ${result.written} records were taken`]),
    ...(result.code === 0 ? [] : [`exit code ${result.code}: ${result.error}`]),
  ]
  const resident = after.map(sample => sample.resident)
  console.log(
    `after the first minute: ${megabytes(Math.min(...resident))} to ${megabytes(Math.max(...resident))} MB resident, ${megabytes(growth)} MB growth by a straight line, ${descriptors} descriptors more`,
  )
  console.log(faults.length === 0 ? 'passed' : `failed: ${faults.join('; ')}`)
  process.exitCode = faults.length === 0 ? 0 : 1
} finally {
  await broker.close()
  await server.stop()
}
