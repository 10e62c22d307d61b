// Kills the only broker of a real Kafka with -9 under a producer, one with transactions and a reader in this process, and starts it again later.
// node test/e2e/client-outage.ts [--seconds 20]
import { parseArgs } from 'node:util'
import { kafka } from '@riacho/kafka'
import { startKafka } from '../servers/kafka.ts'
import { outageOfClients } from './kafka/client-outage.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '20' } } })
const growthMax = 64 << 20
const megabytes = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(0)} MB`

const server = await startKafka()
const broker = await kafka({ brokers: [server.address] })
try {
  await broker.admin.createTopics([{ name: 'outage', partitions: 4 }])
  const plan = { rounds: 200, awayMs: Number(values.seconds) * 1000 }
  const { records, transactions, differences, memory } = await outageOfClients(server, broker, 'outage', plan)
  const growth = memory.most - memory.before
  console.log(
    `${records} records, ${transactions} transactions, broker away for ${values.seconds} s: ${differences.join('; ') || 'nothing lost, doubled or reordered'}`,
  )
  console.log(`memory ${megabytes(memory.before)}, then at most ${megabytes(growth)} more`)
  process.exitCode = differences.length === 0 && growth <= growthMax ? 0 : 1
} finally {
  await broker.close()
  await server.stop()
}
