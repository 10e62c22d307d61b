import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry'
import { type KafkaCluster, kafka } from '@riacho/kafka'
import { Client, policies } from 'cassandra-driver'
import { countKey, type Event } from '../../oracle/event-processor.ts'
import type { Servers } from '../../servers/all.ts'
import { headerOf, type Letter, readTopic } from '../event-processor.fixture.ts'

const anybody = { accessKeyId: 'outside', secretAccessKey: 'outside' }
const reconnectMs = 500
const application = 'event-processor'
const storedFrom = `${application}-by-client-repartition`
const inputs = ['stream_producer', storedFrom, `${application}-by-client-and-type-repartition`]

/** Looks at the servers with their own drivers, past all proxies and without the application. */
export class Outside {
  readonly broker: KafkaCluster
  readonly #cassandra: Client
  readonly #dynamodb: DynamoDBClient
  readonly #registry: SchemaRegistry

  private constructor(broker: KafkaCluster, servers: Servers) {
    this.broker = broker
    this.#cassandra = new Client({
      contactPoints: [`127.0.0.1:${servers.cassandra.port}`],
      localDataCenter: 'datacenter1',
      keyspace: 'riacho',
      encoding: { useBigIntAsLong: true },
      policies: { reconnection: new policies.reconnection.ConstantReconnectionPolicy(reconnectMs) },
    })
    this.#dynamodb = new DynamoDBClient({ endpoint: servers.dynamodb.endpoint, region: 'local', credentials: anybody })
    this.#registry = new SchemaRegistry({ host: servers.registry.url })
  }

  static async of(servers: Servers): Promise<Outside> {
    return new Outside(await kafka({ brokers: [servers.kafka.address] }), servers)
  }

  async close(): Promise<void> {
    this.#dynamodb.destroy()
    await this.#cassandra.shutdown()
    await this.broker.close()
  }

  /** Lines that Connect has handed on. */
  async linesRead(): Promise<number> {
    const [ends] = await this.broker.admin.offsets([{ topic: 'stream_producer', partition: 0 }])
    return ends!.highWatermark
  }

  /** Whether the application has committed everything that it was given. */
  async isDone(): Promise<boolean> {
    const found = await this.broker.admin.partitions(inputs)
    if (found.size < inputs.length) return false
    const at = inputs.map(topic => ({ topic, partition: 0 }))
    // Commits first: what they lead to is in the topics after them.
    const committed = await this.broker.admin.committed(application, at)
    const ends = await this.broker.admin.offsets(at)
    return ends.every(end => (committed.find(({ topic }) => topic === end.topic)?.offset ?? 0) >= end.highWatermark)
  }

  async isStored(uid: string): Promise<boolean> {
    const { rows } = await this.#cassandra.execute('SELECT uid FROM event_message WHERE uid = ?', [uid], { prepare: true })
    return rows.length === 1
  }

  /** The offset that the application has committed of the events that it stores. */
  async committed(): Promise<number> {
    const [found] = await this.broker.admin.committed(application, [{ topic: storedFrom, partition: 0 }])
    return found?.offset ?? 0
  }

  /** Tells `each` of every event that the application is to store, with its offset, until it is closed. */
  follow(each: (offset: number, uid: string) => void): () => Promise<void> {
    const fetcher = this.broker.fetcher({ isolation: 'read_committed' })
    fetcher.add({ topic: storedFrom, partition: 0 }, 0)
    let over = false
    const reading = (async () => {
      while (!over)
        for (const slice of await fetcher.poll(200)) {
          const cursor = slice.cursor()
          while (cursor.next()) {
            const value = Buffer.from(cursor.valueFrame.subarray(cursor.valueStart, cursor.valueEnd))
            each(cursor.offset, (JSON.parse(String(value)) as Event).uid)
          }
          slice.release()
        }
    })()
    return async () => {
      over = true
      await reading
      fetcher.close()
    }
  }

  async rows(): Promise<Map<string, Event>> {
    const rows = new Map<string, Event>()
    for await (const row of this.#table('event_message')) rows.set(String(row.uid), { ...row } as unknown as Event)
    return rows
  }

  async counts(): Promise<Map<string, number>> {
    const counts = new Map<string, number>()
    for await (const row of this.#table('events_per_minute')) {
      counts.set(countKey(String(row.client), String(row.event_type), (row.window_start as Date).getTime()), Number(row.count))
    }
    return counts
  }

  #table(name: string): AsyncIterable<Readonly<Record<string, unknown>>> {
    const stream = this.#cassandra.stream(`SELECT * FROM ${name}`, [], { prepare: true, fetchSize: 5000 })
    return stream as unknown as AsyncIterable<Readonly<Record<string, unknown>>>
  }

  /** Items of the table `pismo`, as rows. */
  async items(): Promise<Map<string, Event>> {
    const items = new Map<string, Event>()
    let from: Record<string, { S: string }> | undefined
    do {
      const page = await this.#dynamodb.send(new ScanCommand({ TableName: 'pismo', ExclusiveStartKey: from }))
      for (const item of page.Items ?? []) {
        const { UUID, ...rest } = Object.fromEntries(Object.entries(item).map(([name, { S }]) => [name, S]))
        items.set(UUID!, { uid: UUID, ...rest } as unknown as Event)
      }
      from = page.LastEvaluatedKey as Record<string, { S: string }> | undefined
    } while (from !== undefined)
    return items
  }

  /** What other services are told, by client. */
  async told(): Promise<Map<string, Event[]>> {
    const told: Event[] = []
    const count = (await this.broker.admin.partitions(['events-stored'])).get('events-stored')!
    for (let partition = 0; partition < count; partition++)
      for (const { value } of await readTopic(this.broker, 'events-stored', partition))
        told.push((await this.#registry.decode(Buffer.from(value!))) as Event)
    return Map.groupBy(told, ({ client }) => client)
  }

  /** The records of a dead letter topic, in order. */
  letters(topic: string): Promise<readonly Letter[]> {
    return readTopic(this.broker, topic)
  }
}

/** What the headers of a dead letter say. */
export const reasonsOf = ({ headers }: Letter) => ({
  reason: headerOf(headers, '__streams.errors.message'),
  offset: Number(headerOf(headers, '__streams.errors.offset')),
  node: headerOf(headers, '__riacho.errors.node'),
  attempts: headerOf(headers, '__riacho.errors.attempts'),
  retryCount: headerOf(headers, 'RetryCount'),
})
