import { scylla } from '@riacho/scylla'
import type { StreamRecord } from '@riacho/streams'
import { Client, concurrent } from 'cassandra-driver'
import { startCassandra } from '../../servers/cassandra.ts'
import { compare } from './compare.ts'

interface Row {
  readonly id: string
  readonly client: string
  readonly body: string
}

/** The sink against the driver's own bulk call, on one real Cassandra: `node test/bench/peers/scylla.ts [rows] [rounds]`. */
const rows = Number(process.argv[2] ?? 20_000)
const rounds = Number(process.argv[3] ?? 5)
const never = new AbortController().signal
const server = await startCassandra()
const cluster = { contactPoints: [`127.0.0.1:${server.port}`], localDataCenter: 'datacenter1' }
const driver = new Client(cluster)
await driver.execute("CREATE KEYSPACE bench WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
const sink = scylla<string, Row, 'id' | 'client' | 'body'>({
  ...cluster,
  keyspace: 'bench',
  table: 'event',
  create: true,
  columns: { id: 'text', client: 'text', body: 'text' },
  key: { partition: ['id'] },
  row: row => row,
})
await sink.open?.()
const values = Array.from({ length: rows }, (_, i): Row => ({ id: `event-${i}`, client: `Client_${i % 4}`, body: 'x'.repeat(100) }))
const batches: StreamRecord<string, Row>[][] = []
for (let i = 0; i < rows; i += 500) {
  batches.push(values.slice(i, i + 500).map(value => ({ key: value.id, value, timestamp: 0, headers: [] })))
}
const query = 'INSERT INTO bench.event (id, client, body) VALUES (?, ?, ?) USING TIMESTAMP ?'

const bare = (concurrencyLevel: number) => async (): Promise<void> => {
  const parameters = values.map((row, i) => [row.id, row.client, row.body, i])
  await concurrent.executeConcurrent(driver, query, parameters, { concurrencyLevel, collectResults: false })
}
const ours = async (): Promise<void> => {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < batches.length) {
      const at = next++
      await sink.write(batches[at]!, never, { position: i => ({ topic: 'in', partition: 0, offset: at * 500 + i }), nth: () => 0 })
    }
  }
  await Promise.all([work(), work(), work(), work()])
}
await compare({ name: 'scylla', rows, rounds, ours, bare, concurrencies: [1, 8, 32, 128] })
await sink.close?.()
await driver.shutdown()
await server.stop()
