import { type CassandraServer, startCassandra } from './cassandra.ts'
import { type ConnectServer, startConnect } from './connect.ts'
import { type DynamoServer, startDynamo } from './dynamodb.ts'
import { type ElasticMqServer, startElasticMq } from './elasticmq.ts'
import { type KafkaServer, startKafka } from './kafka.ts'
import { type RegistryServer, startRegistry } from './registry.ts'

/** Every server that the event processor needs in production. */
export interface Servers {
  readonly kafka: KafkaServer
  readonly connect: ConnectServer
  readonly registry: RegistryServer
  readonly cassandra: CassandraServer
  readonly dynamodb: DynamoServer
  readonly elasticMq: ElasticMqServer
  /** Ends all of them and removes their data. */
  stop(): Promise<void>
}

/** Starts them all. When one does not start, the others are ended. The first call on a machine downloads them. Errors say what to install. */
export async function startServers(): Promise<Servers> {
  const started: { stop(): Promise<void> }[] = []
  const stop = async (): Promise<void> => {
    // Kafka, which was first, last: Connect takes its leave of it.
    for (const server of started.splice(0).reverse()) await server.stop()
  }
  const kept = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const server = await starting
    started.push(server)
    return server
  }
  const kafka = await kept(startKafka())
  const all = [
    kept(startConnect(kafka.address)),
    kept(startRegistry()),
    kept(startCassandra()),
    kept(startDynamo()),
    kept(startElasticMq()),
  ] as const
  try {
    const [connect, registry, cassandra, dynamodb, elasticMq] = await Promise.all(all)
    return { kafka, connect, registry, cassandra, dynamodb, elasticMq, stop }
  } catch (cause) {
    await Promise.allSettled(all)
    await stop()
    throw cause
  }
}

/** What tells `examples/event-processor/production.ts`, the runner and its commands where the servers are. */
export const environmentOf = ({ kafka, connect, registry, cassandra, dynamodb, elasticMq }: Servers): Readonly<Record<string, string>> => ({
  RIACHO_BOOTSTRAP_SERVERS: kafka.address,
  RIACHO_CONNECT_URL: connect.url,
  CASSANDRA_CONTACT_POINTS: `${cassandra.host}:${cassandra.port}`,
  CASSANDRA_DATA_CENTER: 'datacenter1',
  DYNAMODB_TABLE: 'pismo',
  DYNAMODB_ENDPOINT: dynamodb.endpoint,
  SQS_ENDPOINT: elasticMq.endpoint,
  SCHEMA_REGISTRY_URL: registry.url,
  AWS_REGION: 'elasticmq',
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
})
