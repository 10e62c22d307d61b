// Transactions through a proxy that loses and delays answers, and delivers requests late, on a real Kafka: none may be lost, doubled or torn.
// node test/e2e/lost-answers.ts [--faults 200] [--versions 2,1]
import { parseArgs } from 'node:util'
import { kafka } from '@riacho/kafka'
import { startKafka } from '../servers/kafka.ts'
import { startProxy } from '../servers/proxy.ts'
import { transactUnderFaults } from './kafka/faulty-transactions.ts'

const { values } = parseArgs({ options: { faults: { type: 'string', default: '200' }, versions: { type: 'string', default: '2,1' } } })

const proxy = await startProxy()
const server = await startKafka({ proxyPort: proxy.port })
proxy.target = server.behindProxy
const broker = await kafka({ brokers: [server.address] })
let failed = false
try {
  for (const version of values.versions.split(',')) {
    const [transactionVersion, topic, input] = [version === '1' ? 1 : 2, `output-${version}`, `input-${version}`] as const
    await broker.admin.createTopics([
      { name: topic, partitions: 2 },
      { name: input, partitions: 1 },
    ])
    const place = { broker, proxy, topic, input, id: `faulty-${version}` }
    const plan = { transactionVersion, fates: ['lost', 'late', 'stray'], faults: Number(values.faults) } as const
    const { rounds, faults, replaced, differences } = await transactUnderFaults(place, plan)
    console.log(
      `version ${version}: ${rounds} transactions, ${faults} faults, ${replaced} producers replaced: ${differences.join('; ') || 'passed'}`,
    )
    failed ||= differences.length > 0
  }
} finally {
  await broker.close()
  await proxy.stop()
  await server.stop()
}
process.exitCode = failed ? 1 : 0
