import { dynamodb } from '@riacho/dynamodb'
import { scylla } from '@riacho/scylla'
import { type AvroSchema, avro, schemaRegistry } from '@riacho/serdes'
import { sqs } from '@riacho/sqs'
import { json, persist, type StreamRecord, text, to, topic, topology } from '@riacho/streams'
import { type Client, type ClientAndType, type Event, eventProcessor, persistently } from './event-processor.ts'

// Kafka is the runner's (RIACHO_BOOTSTRAP_SERVERS), region and credentials of AWS are its SDK's (AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY).
const {
  CASSANDRA_CONTACT_POINTS = '127.0.0.1:9042',
  CASSANDRA_DATA_CENTER = 'datacenter1',
  CASSANDRA_KEYSPACE = 'riacho',
  // Absent: events are not kept in DynamoDB, too.
  DYNAMODB_TABLE,
  DYNAMODB_ENDPOINT,
  SQS_ENDPOINT,
  // Absent: other services are told nothing.
  SCHEMA_REGISTRY_URL,
} = process.env

const cassandra = {
  contactPoints: CASSANDRA_CONTACT_POINTS.split(','),
  localDataCenter: CASSANDRA_DATA_CENTER,
  keyspace: CASSANDRA_KEYSPACE,
  create: true,
}

const events = scylla<Client, Event, keyof Event>({
  ...cassandra,
  table: 'event_message',
  columns: { uid: 'text', context: 'text', event_type: 'text', client: 'text', created_at: 'text' },
  key: { partition: ['uid'] },
  row: event => event,
})

const counts = scylla({
  ...cassandra,
  table: 'events_per_minute',
  columns: { client: 'text', event_type: 'text', window_start: 'timestamp', count: 'bigint' },
  key: { partition: ['client', 'event_type'], clustering: ['window_start'] },
  row: (count: number, { key: { key, start } }: { key: { key: ClientAndType; start: number } }) => ({
    client: key.client,
    event_type: key.type,
    window_start: new Date(start),
    count,
  }),
})

const items = (table: string) =>
  dynamodb<Client, Event>({
    table,
    key: { UUID: 'S' },
    create: true,
    item: ({ uid, ...event }) => ({ UUID: uid, ...event }),
    ...(DYNAMODB_ENDPOINT && { endpoint: DYNAMODB_ENDPOINT }),
  })

/** How often an event has been sent again, if it has. */
const retryCount = ({ headers }: StreamRecord<Client, Event>): Record<string, string> =>
  Object.fromEntries(headers.flatMap(([name, value]) => (name === 'RetryCount' ? [[name, String(value)]] : [])))

const queue = (client: Client) =>
  sqs<Client, Event>({
    queue: `${client}.fifo`,
    create: true,
    attributes: (_event, record) => retryCount(record),
    ...(SQS_ENDPOINT && { endpoint: SQS_ENDPOINT }),
  })

const eventSchema: AvroSchema = {
  type: 'record',
  name: 'Event',
  fields: [
    ...['uid', 'context', 'client', 'created_at'].map(name => ({ name, type: 'string' })),
    { name: 'event_type', type: { type: 'enum', name: 'EventType', symbols: ['INSERT', 'UPDATE', 'DELETE'] } },
  ],
}

/** Avro, as the registry has its schema. */
const told = (url: string) =>
  to<Client, Event>('events-stored', {
    value: avro<Event>('events-stored-value', { registry: schemaRegistry({ url }), schema: eventSchema, register: true }),
  })

/** The event processor on real servers: lines that Kafka Connect reads in; rows of Cassandra, one FIFO queue of SQS per client, and Avro for other services out. */
export default topology(
  'event-processor',
  ...eventProcessor({
    lines: topic('stream_producer', { key: text, value: json<unknown>(), onError: { deadLetter: 'events-invalid' } }),
    events: [events, ...(DYNAMODB_TABLE ? [items(DYNAMODB_TABLE)] : [])],
    counts,
    queue: client => persist(queue(client), persistently),
    told: SCHEMA_REGISTRY_URL ? told(SCHEMA_REGISTRY_URL) : undefined,
  }),
)
