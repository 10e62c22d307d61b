// Makes what production.ts expects of its servers and may not make itself: the topics, and Cassandra's keyspace. Again it changes nothing.
import { kafka } from '@riacho/kafka'
import { Client } from 'cassandra-driver'

const {
  RIACHO_BOOTSTRAP_SERVERS = '127.0.0.1:9092',
  CASSANDRA_CONTACT_POINTS = '127.0.0.1:9042',
  CASSANDRA_DATA_CENTER = 'datacenter1',
  CASSANDRA_KEYSPACE = 'riacho',
} = process.env

// What was put aside stays until somebody has looked at it.
const kept = { 'retention.ms': '-1' }
const topics = [
  // One partition: the order of the file is the order of the queues.
  { name: 'stream_producer', partitions: 1 },
  { name: 'events-stored', partitions: 4 },
  { name: 'events-invalid', partitions: 1, config: kept },
  { name: 'events-dead', partitions: 1, config: kept },
]

const broker = await kafka({ brokers: RIACHO_BOOTSTRAP_SERVERS.split(',') })
await broker.admin.createTopics(topics)
await broker.close()

const cassandra = new Client({ contactPoints: CASSANDRA_CONTACT_POINTS.split(','), localDataCenter: CASSANDRA_DATA_CENTER })
await cassandra.execute(
  `CREATE KEYSPACE IF NOT EXISTS ${CASSANDRA_KEYSPACE} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
)
await cassandra.shutdown()
console.log(`topics ${topics.map(({ name }) => name).join(', ')} and keyspace ${CASSANDRA_KEYSPACE} are there`)
