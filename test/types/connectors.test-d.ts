import { dynamodb } from '@riacho/dynamodb'
import { outbox, postgres } from '@riacho/postgres'
import { rabbitSource } from '@riacho/rabbitmq'
import { redisCache, redisSource, redisStream } from '@riacho/redis'
import { scylla, scyllaLookup } from '@riacho/scylla'
import { sqs, sqsSource } from '@riacho/sqs'
import { json, type KStream, mapAsync, persist, source, text, topic } from '@riacho/streams'

interface Event {
  readonly id: string
  readonly client: string
}

const events = topic('events', { key: text, value: json<Event>() })
const cluster = { contactPoints: ['h'], localDataCenter: 'd', keyspace: 'k', table: 't' }
const columns = { id: 'text', client: 'text' } as const

// The types of key and value come from the stream; the records go on as they were.
const kept: KStream<string, Event> = events.pipe(
  persist(
    scylla({
      ...cluster,
      columns,
      key: { partition: ['id'] },
      row: event => event,
      version: event => event?.client.length ?? 0,
      keyOf: key => ({ id: key }),
    }),
  ),
  persist(dynamodb({ table: 'table', key: { id: 'S' }, item: event => ({ ...event }), keyOf: key => ({ id: key }) }), {
    retry: { retriesMax: 5, backoff: { min: 1, max: 2 }, deadline: 10 },
    breaker: { failures: 3, pause: { min: 1, max: 2 } },
    inFlightTotalMax: 8,
    onError: { deadLetter: 'dead' },
  }),
  persist(
    postgres({
      table: 't',
      columns,
      key: ['id'],
      row: event => ({ id: event.id, client: undefined }),
      keyOf: key => ({ id: key }),
      version: { column: 'version', of: event => event?.client.length ?? 0 },
    }),
  ),
  persist(sqs({ queue: 'q.fifo', body: event => event.client, group: event => event.client }), { breaker: false }),
  persist(
    redisCache({ prefix: 'event:', keyOf: key => key.trim(), value: event => event.client, version: event => event?.client.length ?? 0 }),
  ),
  persist(
    redisStream({ stream: 's', value: event => Buffer.from(event.id), fields: event => ({ client: event.client }), id: event => event.id }),
  ),
)
kept.pipe()

// @ts-expect-error a column is misspelt
scylla<string, Event, 'id' | 'client'>({ ...cluster, columns, key: { partition: ['id'] }, row: event => ({ id: event.id, clinet: '' }) })
// @ts-expect-error the key is not a column
scylla<string, Event, 'id' | 'client'>({ ...cluster, columns, key: { partition: ['uid'] }, row: event => event })
// @ts-expect-error a consistency that does not exist
scylla<string, Event, 'id' | 'client'>({ ...cluster, columns, key: { partition: ['id'] }, row: event => event, consistency: 'most' })
// @ts-expect-error a column is misspelt
postgres<string, Event, 'id' | 'client'>({ table: 't', columns, key: ['id'], row: event => ({ id: event.id, clinet: '' }) })
// @ts-expect-error the key is not a column
postgres<string, Event, 'id' | 'client'>({ table: 't', columns, key: ['uid'], row: event => event })
// @ts-expect-error a version needs a column
postgres<string, Event, 'id' | 'client'>({ table: 't', columns, key: ['id'], row: event => event, version: { epoch: 1 } })
// @ts-expect-error a type of key that DynamoDB does not have
dynamodb<string, Event>({ table: 'table', key: { id: 'string' }, item: event => ({ ...event }) })
// @ts-expect-error a body is text
sqs<string, Event>({ queue: 'q', body: event => event })
// @ts-expect-error a row is text or bytes
redisCache<string, Event>({ prefix: 'p:', value: event => event })
// @ts-expect-error no such version
redisCache<string, Event>({ prefix: 'p:', version: 'offset' })
// @ts-expect-error the value of a deletion is null
redisCache<string, Event>({ prefix: 'p:', version: event => event.client.length })
// @ts-expect-error a field is text
redisStream<string, Event>({ stream: 's', fields: () => ({ n: 1 }) })
// @ts-expect-error a stream is read in a group
redisSource({ stream: 's', value: json<Event>() })
// @ts-expect-error no such type of queue
rabbitSource({ queue: 'q', value: json<Event>(), create: 'stream' })
// @ts-expect-error no such property of a message
rabbitSource({ queue: 'q', value: json<Event>(), key: 'id' })
// @ts-expect-error the breaker is on by its options, not by true
events.pipe(mapAsync(async event => event, { breaker: true }))

const messages: KStream<string, Event> = source(sqsSource({ queue: 'q', value: json<Event>() }))
messages.pipe()
const told: KStream<string, Event> = source(outbox({ table: 'outbox', value: json<Event>(), acknowledge: { mark: 'sent_at' } }))
told.pipe()
// @ts-expect-error rows are deleted or marked
outbox({ table: 'outbox', value: json<Event>(), acknowledge: 'keep' })
const entries: KStream<string, Event> = source(redisSource({ stream: 's', group: 'g', value: json<Event>() }))
entries.pipe()
const queued: KStream<string, Event> = source(rabbitSource({ queue: 'q', value: json<Event>(), key: 'messageId', create: 'quorum' }))
queued.pipe()

const prices = scyllaLookup({ ...cluster, key: ['id'], validFrom: 'since', columns: ['price'] })
void prices.get(['a'], 1).then(row => row?.price)
// @ts-expect-error a column that is not read
void prices.get(['a'], 1).then(row => row?.amount)
