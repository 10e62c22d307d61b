import { type KafkaOptions, kafka } from '@riacho/kafka'
import type { Broker, Producer, TopicPartition } from '@riacho/streams/engine'
import { brokerSuite } from '@riacho/testing/suites'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { groupTests as memberTests } from '../../packages/testing/src/suites/broker-groups.ts'
import { recordTests } from '../../packages/testing/src/suites/broker-records.ts'
import { type KafkaServer, kafkaVersion, startKafka } from '../servers/kafka.ts'
import { type KafkaProxy, startProxy } from '../servers/proxy.ts'
import { abortedTests } from './kafka/aborted.ts'
import { adminTests } from './kafka/admin.ts'
import { applicationTests } from './kafka/application.ts'
import { benchTests } from './kafka/benches.ts'
import { codecTests } from './kafka/codecs.ts'
import { coordinatorTests } from './kafka/coordinators.ts'
import { fetchingTests } from './kafka/fetching.ts'
import { groupTests, membershipTests, patienceTests } from './kafka/groups.ts'
import { authorizing } from './kafka/internal-topics.ts'
import { leaderTests } from './kafka/leaders.ts'
import { limitTests } from './kafka/limits.ts'
import { lostAnswerTests } from './kafka/lost-answers.ts'
import { clientOutageTests } from './kafka/outages.ts'
import { readAll, readOn, rejection, verdict } from './kafka/reading.ts'
import { rebalanceTests } from './kafka/rebalances.ts'
import { securityTests } from './kafka/security.ts'
import { toolTests } from './kafka/tools.ts'
import { oldestKafka, oldestTests } from './kafka/versions.ts'

// The suites wait up to 20 seconds for what must happen, and then say what did not. A server that is started again takes longer on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

let server: KafkaServer
let proxy: KafkaProxy
let broker: Broker

beforeAll(async () => {
  // A transaction that times out is aborted within half a second, not within ten.
  proxy = await startProxy()
  const properties = {
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
    // What is to be compacted is compacted at once.
    'log.cleaner.backoff.ms': '100',
    'log.initial.task.delay.ms': '500',
    // Members that are killed are soon known to be gone.
    'group.min.session.timeout.ms': '1000',
    'group.max.size': '6',
    ...authorizing,
  }
  server = await startKafka({ properties, proxyPort: proxy.port, secure: true })
  proxy.target = server.behindProxy
  broker = await kafka({ brokers: [server.address], poisonLoans: true })
}, 180_000)

afterAll(async () => {
  await broker?.close()
  await proxy?.stop()
  await server?.stop()
})

let topics = 0
/** A new topic of its own for each test. */
async function newTopic(partitions = 1, config: Readonly<Record<string, string>> = {}): Promise<string> {
  const name = `topic-${++topics}`
  await broker.admin.createTopics([{ name, partitions, config }])
  return name
}

const at = (topic: string, partition = 0): TopicPartition => ({ topic, partition })
const send = (producer: Producer, to: TopicPartition, ...values: string[]) => {
  // Not older: a broker that restarts forgets producers whose last batch is older than a day, and takes a batch that is sent again twice.
  const now = Date.now()
  for (const value of values) producer.partition(to).append(now, null, value)
}

describe('records', () => {
  it('come back as they were sent', async () => {
    const to = at(await newTopic())
    const producer = await broker.producer({})
    const writer = producer.partition(to)
    expect(producer.partition(to)).toBe(writer)
    const big = 'ã'.repeat(300_000)
    writer.append(5, 'key', 'value', [
      ['a', Buffer.from('1')],
      ['a', null],
    ])
    writer.append(3, null, null)
    writer.append(4, new Uint8Array(0), big)
    expect(producer.bufferedBytes).toBeGreaterThan(600_000)
    await producer.flush()
    expect(producer.bufferedBytes).toBe(0)

    const fetcher = broker.fetcher({ isolation: 'read_committed', partitionBytesMax: 1000 })
    fetcher.add(to, 0)
    const seen: unknown[] = []
    while (seen.length < 3)
      for (const slice of await fetcher.poll(5_000)) {
        const cursor = slice.cursor()
        while (cursor.next()) {
          const { offset, timestamp, keyStart, valueEnd, valueStart } = cursor
          seen.push({
            offset,
            timestamp,
            keyStart: Math.sign(keyStart),
            bytes: valueStart < 0 ? null : valueEnd - valueStart,
            headers: cursor.headers().map(([name, bytes]) => [name, bytes === null ? null : new TextDecoder().decode(bytes)]),
          })
        }
        slice.release()
      }
    expect(seen).toEqual([
      {
        offset: 0,
        timestamp: 5,
        keyStart: 1,
        bytes: 5,
        headers: [
          ['a', '1'],
          ['a', null],
        ],
      },
      { offset: 1, timestamp: 3, keyStart: -1, bytes: null, headers: [] },
      { offset: 2, timestamp: 4, keyStart: 1, bytes: 600_000, headers: [] },
    ])
    await producer.close()
    fetcher.close()
  })

  it('are refused one batch at a time: what else was sent is there', async () => {
    const topic = await newTopic(2)
    const producer = await broker.producer({ batchBytesMax: 1000 })
    send(producer, at(topic), 'x'.repeat(2_000_000))
    send(producer, at(topic, 1), 'small')
    expect(verdict(await rejection(producer.flush()))).toEqual({
      code: 'MESSAGE_TOO_LARGE',
      retriable: false,
      fenced: false,
      abortable: false,
    })
    send(producer, at(topic), 'after')
    await producer.flush()
    expect((await readAll(broker, at(topic), 1)).values).toEqual(['after'])
    expect((await readAll(broker, at(topic, 1), 1)).values).toEqual(['small'])
    await producer.close()
  })

  it('are neither lost, doubled nor reordered when the broker crashes while they are sent', async () => {
    const to = at(await newTopic())
    const producer = await broker.producer({ batchBytesMax: 2_000 })
    const transactional = await broker.producer({ transactionalId: 'crash' })
    send(transactional, at(to.topic), 't')
    await transactional.flush()
    const sent = Array.from({ length: 20_000 }, (_, i) => `value ${i}`)
    send(producer, to, ...sent)
    const flushed = producer.flush()
    while ((await broker.admin.offsets([to]))[0]!.highWatermark < 100);
    await server.kill()
    const committed = transactional.commit()
    await server.restart()
    await Promise.all([flushed, committed])
    const { values } = await readAll(broker, to, sent.length + 2)
    expect(values.filter(value => value !== 't')).toEqual(sent)
    expect(values.length).toBe(sent.length + 1)
    await producer.close()
    await transactional.close()
  })
})

describe('admin', () => {
  it('knows partitions and offsets, and leaves a topic that exists as it is', async () => {
    const name = await newTopic(3)
    await broker.admin.createTopics([{ name, partitions: 5 }])
    expect(await broker.admin.partitions([name, 'unknown'])).toEqual(new Map([[name, 3]]))
    const producer = await broker.producer({})
    send(producer, at(name, 1), 'a', 'b', 'c')
    await producer.flush()
    await broker.admin.deleteRecords([{ ...at(name, 1), offset: 2 }])
    expect(await broker.admin.offsets([at(name, 1), at(name, 2)])).toEqual([
      { topic: name, partition: 1, start: 2, highWatermark: 3, lastStable: 3 },
      { topic: name, partition: 2, start: 0, highWatermark: 0, lastStable: 0 },
    ])
    expect(await broker.admin.committed('nobody', [at(name)])).toEqual([])
    await producer.close()
  })
})

describe('transactions', () => {
  it('show what was committed, and positions pass what was not', async () => {
    const topic = await newTopic(2)
    const producer = await broker.producer({ transactionalId: 'shows' })
    send(producer, at(topic), 'a', 'b')
    await producer.commit()
    for (const value of ['x', 'y']) {
      send(producer, at(topic), value)
      await producer.flush()
      await producer.abort()
    }
    send(producer, at(topic), 'dropped before it was sent')
    await producer.abort()
    send(producer, at(topic), 'c')
    send(producer, at(topic, 1), 'd')
    await producer.commit()
    await producer.commit()

    const read = await readAll(broker, at(topic), 9)
    expect(read).toEqual({ values: ['a', 'b', 'c'], position: 9, slice: { highWatermark: 9, lastStable: 9 } })
    expect((await readAll(broker, at(topic, 1), 2)).values).toEqual(['d'])
    expect((await readAll(broker, at(topic), 9, 'read_uncommitted')).values).toEqual(['a', 'b', 'x', 'y', 'c'])
    await producer.close()
  })

  it('hold back read_committed at the last stable offset while open', async () => {
    const to = at(await newTopic())
    const plain = await broker.producer({})
    const producer = await broker.producer({ transactionalId: 'holds' })
    send(plain, to, 'before')
    await plain.flush()
    send(producer, to, 'open')
    await producer.flush()
    send(plain, to, 'after')
    await plain.flush()
    expect((await broker.admin.offsets([to]))[0]).toMatchObject({ start: 0, highWatermark: 3, lastStable: 1 })
    const fetcher = broker.fetcher({ isolation: 'read_committed' })
    fetcher.add(to, 0)
    expect(await readOn(fetcher, 1)).toEqual({ values: ['before'], position: 1, slice: { highWatermark: 3, lastStable: 1 } })
    await producer.abort()
    expect((await readOn(fetcher, 4)).values).toEqual(['after'])
    expect((await readAll(broker, to, 3, 'read_uncommitted')).slice).toEqual({ highWatermark: 4, lastStable: 4 })
    fetcher.close()
    await plain.close()
    await producer.close()
  })

  it('stay refused after a failure until they are aborted', async () => {
    const to = at(await newTopic())
    const producer = await broker.producer({ transactionalId: 'refused' })
    send(producer, to, 'x'.repeat(2_000_000))
    const failed = { code: 'MESSAGE_TOO_LARGE', retriable: false, fenced: false, abortable: true }
    expect(verdict(await rejection(producer.flush()))).toEqual(failed)
    expect(verdict(await rejection(producer.commit()))).toEqual(failed)
    await producer.abort()
    send(producer, to, 'small')
    await producer.commit()
    expect((await readAll(broker, to, 2)).values.filter(value => value === 'small')).toEqual(['small'])
    await producer.close()
  })

  it('are fenced by a newer producer, which aborts what was open', async () => {
    const to = at(await newTopic())
    const older = await broker.producer({ transactionalId: 'fenced' })
    const idle = await broker.producer({ transactionalId: 'fenced-idle' })
    send(idle, to, 'i')
    await idle.flush()
    send(older, to, 'old')
    await older.flush()
    const newer = await broker.producer({ transactionalId: 'fenced' })
    await broker.producer({ transactionalId: 'fenced-idle' })
    expect(await rejection(idle.commit())).toMatchObject({ fenced: true, abortable: false })
    send(older, to, 'zombie')
    expect(await rejection(older.flush())).toMatchObject({ fenced: true, abortable: false })
    expect(await rejection(older.abort())).toMatchObject({ fenced: true })
    send(newer, to, 'new')
    await newer.commit()
    const { highWatermark } = (await broker.admin.offsets([to]))[0]!
    expect((await readAll(broker, to, highWatermark)).values).toEqual(['new'])
  })

  it('are aborted by the broker when they last too long; the producer stays usable', async () => {
    const to = at(await newTopic())
    const producer = await broker.producer({ transactionalId: 'slow', transactionTimeout: 300 })
    const tooLate = async () => {
      const { highWatermark } = (await broker.admin.offsets([to]))[0]!
      send(producer, to, 'late')
      await producer.flush()
      while ((await broker.admin.offsets([to]))[0]!.lastStable < highWatermark + 2) await new Promise(resolve => setTimeout(resolve, 50))
    }
    await tooLate()
    expect(verdict(await rejection(producer.commit()))).toEqual({
      code: 'INVALID_TXN_STATE',
      retriable: false,
      fenced: false,
      abortable: true,
    })
    await producer.abort()
    await tooLate()
    send(producer, to, 'later still')
    const failed = { code: 'INVALID_PRODUCER_EPOCH', retriable: false, fenced: false, abortable: true }
    expect(verdict(await rejection(producer.flush()))).toEqual(failed)
    expect(verdict(await rejection(producer.commit()))).toEqual(failed)
    await producer.abort()
    send(producer, to, 'in time')
    await producer.commit()
    const { highWatermark } = (await broker.admin.offsets([to]))[0]!
    expect((await readAll(broker, to, highWatermark)).values).toEqual(['in time'])
    await producer.close()
  })
})

describe('limits', () => limitTests({ requestsMax: 5, requestBytesMax: 8 << 20, framesMax: 8 }, () => broker, newTopic))

describe('an application', () =>
  applicationTests(
    () => server,
    () => broker,
  ))

describe('a broker that is away', () =>
  clientOutageTests(
    () => server,
    () => broker,
    () => proxy,
    newTopic,
  ))

describe('admin of a cluster', () => adminTests(() => server, newTopic))

describe('codecs', () =>
  codecTests(
    () => server,
    () => broker,
    newTopic,
  ))

describe('aborted transactions', () =>
  abortedTests(
    () => server,
    () => broker,
    newTopic,
  ))

describe('fetching', () =>
  fetchingTests(
    () => server,
    () => proxy,
    () => broker,
    newTopic,
  ))

describe(`Kafka ${oldestKafka}`, oldestTests)

describe('lost answers', () =>
  lostAnswerTests(
    () => broker,
    () => proxy,
    newTopic,
  ))

describe('security', () => securityTests(() => server, newTopic))
describe('groups', () => groupTests(() => broker, newTopic))
describe('the benches', () => benchTests(() => ({ server, broker })))

describe('rebalances', () => rebalanceTests(() => server))

describe('Kafka’s own tools', () =>
  toolTests(
    () => server,
    () => broker,
  ))

describe('members', () => {
  const open = (options: KafkaOptions) => kafka({ brokers: [server.address], ...options })
  membershipTests(() => broker, open, newTopic)
  patienceTests(() => broker, open, newTopic)
})

brokerSuite(
  {
    name: `Kafka ${kafkaVersion}`,
    open: () => kafka({ brokers: [server.address], poisonLoans: true }),
    reopen: async open => {
      await open.close()
      await server.kill()
      await server.restart()
      return kafka({ brokers: [server.address], poisonLoans: true })
    },
  },
  { describe, it, expect },
)

const others = { ...recordTests, ...memberTests }
brokerSuite(
  {
    name: `Kafka ${kafkaVersion}, with transactions of version 1`,
    open: () => kafka({ brokers: [server.address], poisonLoans: true, transactionVersion: 1 }),
    skip: Object.keys(others).map(test => ({ test, reason: 'it has no transaction' })),
  },
  { describe, it, expect },
)

// These two last: from then on the cluster has brokers that are dead.
describe('coordinators', () =>
  coordinatorTests(
    () => server,
    () => broker,
    newTopic,
  ))

describe('leaders', () =>
  leaderTests(
    () => server,
    () => broker,
  ))
