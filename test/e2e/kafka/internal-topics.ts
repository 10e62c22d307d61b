import { kafka } from '@riacho/kafka'
import { type App, app } from '@riacho/runtime'
import { count, minutes, repartition, selectKey, text, to, topic, topology, toStream, tumbling } from '@riacho/streams'
import type { Broker } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import { credentials } from '../../servers/security.ts'
import { until } from '../event-processor.fixture.ts'

/** What the server of these tests has beside: an authorizer that lets everybody do everything that nobody forbids. */
export const authorizing = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'allow.everyone.if.no.acl.found': 'true',
  'super.users': 'User:ANONYMOUS;User:ana;User:caio;User:davi',
}

/** Counts values, of a topic with three partitions, by way of a repartition topic with two. */
const counting = (application: string, events: string) =>
  topology(
    application,
    topic(events, { key: text, value: text }).pipe(
      selectKey(value => value, { key: text }),
      repartition('by-value', { partitions: 2 }),
      count('totals'),
      toStream(),
      to(`${application}-out`),
    ),
    topic(events, { key: text, value: text }).pipe(
      selectKey(value => value, { key: text }),
      repartition('windowed', { partitions: 2 }),
      count('windows', { window: tumbling(minutes(1), { grace: 0 }) }),
      toStream({ key: (_, { key }): string => key }),
      to(`${application}-out`, { key: text }),
    ),
  )

const made = async (broker: Broker, application: string, ...without: string[]): Promise<void> => {
  const topics = [
    { name: `${application}-events`, partitions: 3 },
    { name: `${application}-out`, partitions: 1 },
  ]
  await broker.admin.createTopics(topics.filter(({ name }) => !without.includes(name)))
}

async function write(broker: Broker, topic: string, values: readonly string[]): Promise<void> {
  const producer = await broker.producer({})
  values.forEach((value, i) => {
    producer.partition({ topic, partition: i % 3 }).append(Date.now(), null, value)
  })
  await producer.flush()
  await producer.close()
}

const plan = (application: string) => counting(application, `${application}-events`)

/** Resolves when the application has ended; rejects with why it cannot start or go on. */
async function ended(running: App): Promise<void> {
  running.done.catch(() => {})
  await running.start()
  await running.done
}

/** The topics that an application owns, on a cluster. */
export function internalTopicTests(server: () => KafkaServer, broker: () => Broker): void {
  it('are made with Kafka Streams’ settings', async () => {
    await made(broker(), 'owner')
    const running = app(plan('owner'), { broker: broker(), replicationFactor: 1, changelogAdditionalRetentionMs: 1_000 })
    await running.start()
    await running.stop()
    const topics = await server().tool('org.apache.kafka.tools.TopicCommand', '--bootstrap-server', server().address, '--describe')
    const lines = [...topics.matchAll(/^Topic: (owner-\S+)\s.*PartitionCount: (\d+)\s+ReplicationFactor: (\d+)\s+Configs: *(\S*)/gm)]
    const found = Object.fromEntries(
      lines.map(([, name, partitions, replicas, configs]) => {
        const settings = [...configs!.matchAll(/([a-z.]+)=(compact,delete|[^,]*)/g)].map(([, key, value]) => [key, value])
        return [name, { partitions, replicas, ...Object.fromEntries(settings) }]
      }),
    )
    const own = { partitions: '2', replicas: '1', 'message.timestamp.type': 'CreateTime' }
    const moved = { ...own, 'cleanup.policy': 'delete', 'retention.ms': '-1', 'segment.bytes': '52428800' }
    expect(found).toMatchObject({
      'owner-by-value-repartition': moved,
      'owner-windowed-repartition': moved,
      'owner-totals-changelog': { ...own, 'cleanup.policy': 'compact' },
      'owner-windows-changelog': { ...own, 'cleanup.policy': 'compact,delete', 'retention.ms': String(60_000 + 1_000) },
    })
  })

  it('of repartitions are emptied as far as commits cover them', async () => {
    await made(broker(), 'purged')
    await write(
      broker(),
      'purged-events',
      Array.from({ length: 3_000 }, (_, i) => `${i % 7}`),
    )
    const options = { broker: broker(), commitIntervalMs: 50, guarantee: 'exactly-once', limits: { repartitionPurgeMs: 200 } } as const
    const running = app(plan('purged'), options)
    await running.start()
    await running.untilEnd()
    const places = ['by-value', 'windowed'].flatMap(name => [0, 1].map(partition => ({ topic: `purged-${name}-repartition`, partition })))
    const left = async () =>
      (await broker().admin.offsets(places)).map(({ start, lastStable }) => ({ left: lastStable - start, lastStable }))
    expect((await left()).every(({ lastStable }) => lastStable > 0)).toBe(true)
    await until(async () => (await left()).every(one => one.left === 0), 'the repartition topics are empty', 10_000)
    await running.stop()
  })

  refusals(broker)
  permissions(server, broker)
}

function refusals(broker: () => Broker): void {
  it('that exist with other partitions, sources that do not exist, and more copies than brokers are told at the start', async () => {
    const start = (application: string, replicationFactor?: number) =>
      ended(app(plan(application), { broker: broker(), ...(replicationFactor && { replicationFactor }) }))
    await made(broker(), 'others')
    await broker().admin.createTopics([{ name: 'others-totals-changelog', partitions: 5 }])
    await expect(start('others')).rejects.toMatchObject({
      code: 'RIACHO_TOPIC_PARTITIONS',
      message: expect.stringContaining('others-totals-changelog has 5 partitions and needs 2'),
    })
    await made(broker(), 'missing', 'missing-events')
    await expect(start('missing')).rejects.toMatchObject({ code: 'RIACHO_TOPIC_MISSING', place: { topic: 'missing-events' } })
    expect(await broker().admin.partitions(['missing-totals-changelog'])).toEqual(new Map())
    await made(broker(), 'copies')
    await expect(start('copies', 2)).rejects.toMatchObject({
      code: 'RIACHO_TOPIC_CREATE',
      message: expect.stringContaining('INVALID_REPLICATION_FACTOR'),
    })
  })
}

function permissions(server: () => KafkaServer, broker: () => Broker): void {
  it('that this user may not make, sources that it may not read, and groups that it may not join stop the application and say so', async () => {
    for (const application of ['forbidden', 'unread', 'ungrouped']) await made(broker(), application)
    await write(broker(), 'unread-events', ['a'])
    const acl = (...change: string[]) =>
      server().tool('org.apache.kafka.tools.AclCommand', '--bootstrap-server', server().address, '--force', ...change)
    const bia = (of: 'allow' | 'deny', operation: string) => [`--${of}-principal`, 'User:bia', '--operation', operation]
    const places = {
      forbidden: ['--topic', 'forbidden-', '--resource-pattern-type', 'prefixed'],
      cluster: ['--cluster'],
      unread: ['--topic', 'unread-events'],
      ungrouped: ['--group', 'ungrouped'],
    }
    const client = await kafka({
      brokers: [server().secure.sasl],
      tls: { ca: server().secure.certificate },
      sasl: { mechanism: 'SCRAM-SHA-256', ...credentials['SCRAM-SHA-256'] },
    })
    try {
      for (const place of [places.forbidden, places.cluster]) {
        await acl('--add', ...bia('deny', 'Create'), ...place)
        await acl('--add', ...bia('allow', 'All'), ...place)
      }
      for (const [application, denied] of [
        ['unread', 'Read'],
        ['ungrouped', 'Read'],
      ] as const) {
        await acl('--add', ...bia('deny', denied), ...places[application])
        await acl('--add', ...bia('allow', 'Describe'), ...places[application])
      }
      await expect(ended(app(plan('forbidden'), { broker: client }))).rejects.toMatchObject({
        code: 'RIACHO_TOPIC_CREATE',
        message: expect.stringMatching(
          /forbidden-by-value-repartition cannot be created .*AUTHORIZATION_FAILED.*with 2 partitions, cleanup.policy=delete/,
        ),
      })
      await expect(ended(app(plan('unread'), { broker: client }))).rejects.toMatchObject({
        code: 'TOPIC_AUTHORIZATION_FAILED',
        message: expect.stringContaining('unread-events'),
      })
      await expect(ended(app(plan('ungrouped'), { broker: client }))).rejects.toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED' })
    } finally {
      for (const place of Object.values(places)) await acl('--remove', ...place)
      await client.close()
    }
  }, 120_000)
}
