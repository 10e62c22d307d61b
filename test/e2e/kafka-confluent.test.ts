import { kafka } from '@riacho/kafka'
import { confluent } from '@riacho/kafka-confluent'
import type { Broker, Producer, TopicPartition } from '@riacho/streams/engine'
import { brokerSuite } from '@riacho/testing/suites'
import { afterAll, beforeAll, expect, it, vi, describe as vitestDescribe } from 'vitest'
import { needFeatures } from '../../packages/kafka-confluent/src/options.ts'
import { confluentDriver, confluentObstacle, libraryObstacle } from '../servers/confluent.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'
import { kdcObstacle } from '../servers/kdc.ts'
import { credentials } from '../servers/security.ts'
import { until } from './event-processor.fixture.ts'
import { Events } from './kafka/events.ts'
import { kerberosTests } from './kafka/kerberos.ts'
import { killed } from './kafka/killed.ts'
import { readAll, taken } from './kafka/reading.ts'

// The suite waits up to 20 seconds for what must happen, and then says what did not.
vi.setConfig({ testTimeout: 120_000 })

const obstacle = confluentObstacle()
const describeUnless = (reason: string | undefined, name: string, body: () => void): void => {
  if (reason === undefined) vitestDescribe(name, body)
  else vitestDescribe.skip(`${name} (${reason})`, body)
}
const describe = (name: string, body: () => void): void => describeUnless(obstacle, name, body)

let server: KafkaServer
let driver: string
/** Another client of the same cluster. */
let ours: Broker

beforeAll(async () => {
  if (obstacle !== undefined) return
  const say = (line: string) => process.stderr.write(`riacho: ${line}\n`)
  driver = await confluentDriver(say)
  // A transaction that times out is aborted within half a second, not within ten, and a member that is gone is missed as soon.
  const properties = { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500', 'group.min.session.timeout.ms': '1000' }
  server = await startKafka({ properties, secure: true })
  ours = await kafka({ brokers: [server.address] })
}, 900_000)

afterAll(async () => {
  await ours?.close()
  await server?.stop()
})

const open = (): Promise<Broker> => confluent({ brokers: [server.address], driver })

const reopen = async (broker: Broker): Promise<Broker> => {
  await broker.close()
  return open()
}

const skip = [
  { test: 'keeps nulls, empty bytes, UTF-8, timestamps and headers', reason: 'the binding writes no header without a value' },
  ...['uses the assignment that is given', 'lets members tell the one that distributes, and be told by it'].map(test => ({
    test,
    reason: 'librdkafka takes no assignor of ours',
  })),
  {
    test: 'takes metadata of 4,096 characters with an offset, and refuses more',
    reason: 'the binding appends a NUL to metadata, so 4,095 characters are the limit',
  },
  {
    test: 'moves the position over slices in which everything was aborted',
    reason: 'librdkafka tells where hidden records end only at the end of the partition',
  },
  ...[
    'aborts a transaction that is open for too long: its producer is not fenced, and goes on after an abort',
    'refuses everything after a failed flush in a transaction, until it is aborted',
  ].map(test => ({ test, reason: 'to librdkafka a transaction that took too long is fenced; its shortest time-out is a second' })),
]

brokerSuite({ name: 'kafka-confluent', open, reopen, skip }, { describe, it, expect })

const patienceMs = 20_000
let topics = 0
const newTopic = async (broker: Broker, partitions = 1): Promise<TopicPartition> => {
  const topic = `confluent-${++topics}`
  await broker.admin.createTopics([{ name: topic, partitions }])
  return { topic, partition: 0 }
}

const append = (producer: Producer, at: TopicPartition, value: string): void => producer.partition(at).append(Date.now(), 'key', value)

async function withBroker(test: (broker: Broker) => Promise<void>): Promise<void> {
  const broker = await open()
  try {
    await test(broker)
  } finally {
    await broker.close()
  }
}

describe('what Confluent’s client cannot do', () => {
  it('is declared, and refused', () =>
    withBroker(async broker => {
      expect(broker.capabilities).toEqual({
        customAssignment: false,
        secondTransactions: false,
        headersWithoutValue: false,
        earliestTimestamp: 1,
      })
      expect(Object.isFrozen(broker.capabilities)).toBe(true)
      const at = await newTopic(broker)
      const refused = { code: 'UNSUPPORTED', fatal: true }
      const none = { assigned: async () => {}, revoked: async () => {}, lost: () => {} }
      const assign = () => new Map()
      await expect(broker.join({ group: 'g', topics: [at.topic], assign }, none)).rejects.toMatchObject(refused)
      await expect(broker.join({ group: 'g', topics: [at.topic], assignor: { assign } }, none)).rejects.toMatchObject(refused)
      const producer = await broker.producer({})
      expect(() => producer.partition(at).append(0, null, 'x')).toThrow('timestamp')
      expect(() => producer.partition(at).append(1, null, 'x', [['name', null]])).toThrow('without a value')
      await expect(broker.producer({ transactionalId: 't', transactionTimeout: 300 })).rejects.toMatchObject({ code: 'CONFIGURATION' })
    }))

  it('leaves nulls, empty bytes, UTF-8, timestamps and headers as they are', () =>
    withBroker(async broker => {
      const at = await newTopic(broker)
      const producer = await broker.producer({})
      const writer = producer.partition(at)
      writer.append(1_700_000_000_000, null, null)
      writer.append(1_600_000_000_000, '', new Uint8Array(0))
      writer.append(1, 'ã\0b', '🌊', [
        ['a', Buffer.from([0, 1])],
        ['a', new Uint8Array(0)],
        ['ü', Buffer.from('ü')],
      ])
      await producer.flush()
      for (const reader of [broker, ours]) expect(await recordsOf(reader, at, 3)).toEqual(rows)
    }))

  it('makes a transaction that took too long look fenced; the next producer with its id goes on', () =>
    withBroker(async broker => {
      const at = await newTopic(broker)
      const slow = await broker.producer({ transactionalId: 'slow', transactionTimeout: 1000 })
      append(slow, at, 'too slow')
      await slow.flush()
      const stable = async () => (await ours.admin.offsets([at]))[0]!.lastStable
      await until(async () => (await stable()) > 0, 'the transaction is aborted', patienceMs)
      const failure = await slow.commit().catch((thrown: unknown) => thrown)
      expect(failure).toMatchObject({ fenced: true, abortable: false })
      await expect(slow.abort()).rejects.toMatchObject({ fenced: true })
      await slow.close()
      const next = await broker.producer({ transactionalId: 'slow', transactionTimeout: 10_000 })
      append(next, at, 'in time')
      await next.commit()
      await until(async () => (await stable()) > 3, 'the second transaction is committed', patienceMs)
      expect((await readAll(ours, at, await stable())).values).toEqual(['in time'])
    }))
})

describe('limits of Confluent’s client', () => {
  it('hands out at most messagesMax records at once, and all of them in order', () =>
    withBroker(async broker => {
      const messagesMax = 1000
      const count = messagesMax * 3
      const at = await newTopic(broker)
      const producer = await broker.producer({})
      for (let i = 0; i < count; i++) append(producer, at, String(i))
      await producer.flush()
      const fetcher = broker.fetcher({ isolation: 'read_committed' })
      fetcher.add(at, 0)
      const seen: number[] = []
      while (seen.length < count)
        for (const slice of await fetcher.poll(1000)) {
          const { values } = taken(slice)
          expect(values.length).toBeLessThanOrEqual(messagesMax)
          seen.push(...values.map(Number))
        }
      fetcher.close()
      expect(seen).toEqual(Array.from({ length: count }, (_, i) => i))
    }))

  it('takes a record of recordBytesMax, and fails the flush after a larger one than messageBytesMax, once', () =>
    withBroker(async broker => {
      const messageBytesMax = 1_048_588
      const at = await newTopic(broker)
      const producer = await broker.producer({})
      append(producer, at, 'x'.repeat(broker.recordBytesMax! - 3))
      await producer.flush()
      append(producer, at, 'y'.repeat(messageBytesMax))
      await expect(producer.flush()).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE', retriable: false, at })
      append(producer, at, 'z')
      await producer.flush()
      expect((await readAll(ours, at, 2)).values.map(value => value!.length)).toEqual([broker.recordBytesMax! - 3, 1])
    }))

  it.each([undefined, 'confluent-named'])('names the partition that did not take a record (transactional id: %s)', transactionalId =>
    withBroker(async broker => {
      const at = { topic: `takes-little-${transactionalId}`, partition: 0 }
      await broker.admin.createTopics([{ name: at.topic, partitions: 1, config: { 'max.message.bytes': '1000' } }])
      const producer = await broker.producer(transactionalId === undefined ? {} : { transactionalId })
      append(producer, at, 'x'.repeat(2_000))
      await expect(producer.flush()).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE', at })
    }),
  )

  it('keeps to a paused partition’s bytes while others go on, and loses nothing of it', () =>
    withBroker(async broker => {
      const at = await newTopic(broker, 2)
      const other = { ...at, partition: 1 }
      const producer = await broker.producer({})
      const each = 200
      for (let i = 0; i < each; i++) for (const to of [at, other]) append(producer, to, String(i).padEnd(10_000))
      await producer.flush()
      const fetcher = broker.fetcher({ isolation: 'read_committed', partitionBytesMax: 50_000 })
      fetcher.add(at, 0)
      fetcher.add(other, 0)
      fetcher.pause(at)
      const seen = new Map<number, number[]>([
        [0, []],
        [1, []],
      ])
      const poll = async () => {
        for (const slice of await fetcher.poll(500)) seen.get(slice.partition)!.push(...taken(slice).values.map(Number))
      }
      while (seen.get(1)!.length < each) await poll()
      expect(seen.get(0)).toEqual([])
      fetcher.resume(at)
      while (seen.get(0)!.length < each) await poll()
      fetcher.close()
      for (const numbers of seen.values()) expect(numbers).toEqual(Array.from({ length: each }, (_, i) => i))
    }))
})

const rows = [
  [1_700_000_000_000, null, null, []],
  [1_600_000_000_000, '', '', []],
  [
    1,
    'ã\0b',
    '🌊',
    [
      ['a', [0, 1]],
      ['a', []],
      ['ü', [0xc3, 0xbc]],
    ],
  ],
]

async function recordsOf(reader: Broker, at: TopicPartition, count: number): Promise<unknown[]> {
  const fetcher = reader.fetcher({ isolation: 'read_committed' })
  fetcher.add(at, 0)
  const seen: unknown[] = []
  while (seen.length < count)
    for (const slice of await fetcher.poll(1000)) {
      const c = slice.cursor()
      while (c.next()) {
        const key = c.keyStart < 0 ? null : c.keyFrame.toString('utf8', c.keyStart, c.keyEnd)
        const value = c.valueStart < 0 ? null : c.valueFrame.toString('utf8', c.valueStart, c.valueEnd)
        seen.push([c.timestamp, key, value, c.headers().map(([name, bytes]) => [name, bytes && [...bytes]])])
      }
      slice.release()
    }
  fetcher.close()
  return seen
}

describe('a secured cluster', () => {
  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)('is reached with TLS and %s', async mechanism => {
    const { sasl, certificate } = server.secure
    const broker = await confluent({ brokers: [sasl], tls: { ca: certificate }, sasl: { mechanism, ...credentials[mechanism] }, driver })
    const at = await newTopic(broker)
    const producer = await broker.producer({})
    append(producer, at, mechanism)
    await producer.flush()
    expect((await readAll(broker, at, 1)).values).toEqual([mechanism])
    await broker.close()
  })

  it('says what keeps a client out: a password, a certificate, nobody there, a build without what is asked for', async () => {
    const { sasl, tls, certificate } = server.secure
    const connectTimeoutMs = 3000
    const wrong = { mechanism: 'SCRAM-SHA-256', username: 'bia', password: 'another' } as const
    const password = confluent({ brokers: [sasl], tls: { ca: certificate }, sasl: wrong, driver, connectTimeoutMs })
    await expect(password).rejects.toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED', fatal: true })
    const untrusted = confluent({ brokers: [tls], tls: {}, driver, connectTimeoutMs })
    await expect(untrusted).rejects.toMatchObject({ code: 'SSL_HANDSHAKE_FAILED', message: expect.stringMatching(/certificate/) })
    const nobody = confluent({ brokers: ['127.0.0.1:1'], driver, connectTimeoutMs })
    await expect(nobody).rejects.toMatchObject({ code: 'NETWORK_EXCEPTION', message: expect.stringContaining('127.0.0.1:1') })
    expect(() => needFeatures({ features: ['ssl'] }, { sasl: { mechanism: 'GSSAPI' } })).toThrow('libsasl2')
    expect(() => needFeatures({ features: ['ssl'] }, { compression: 'zstd' })).toThrow('libzstd')
  })
})

describeUnless(libraryObstacle('libsasl2-dev') ?? kdcObstacle(), 'Kerberos', () => kerberosTests(() => driver))

async function compresses(codecs: readonly ('gzip' | 'snappy' | 'lz4' | 'zstd')[]): Promise<void> {
  const value = 'compress me '.repeat(1000)
  const topics: string[] = []
  for (const compression of codecs) {
    const theirs = await confluent({ brokers: [server.address], compression, driver })
    const other = await kafka({ brokers: [server.address], compression })
    const at = await newTopic(theirs)
    topics.push(at.topic)
    for (const writer of [theirs, other]) {
      const producer = await writer.producer({})
      for (let i = 0; i < 20; i++) append(producer, at, value)
      await producer.flush()
    }
    for (const reader of [theirs, other]) expect((await readAll(reader, at, 40)).values).toEqual(Array(40).fill(value))
    await Promise.all([theirs.close(), other.close()])
  }
  const about = ['--bootstrap-server', server.address, '--describe', '--topic-list', topics.join()]
  const sizes = [...(await server.tool('org.apache.kafka.tools.LogDirsCommand', ...about)).matchAll(/"size":(\d+)/g)].map(([, size]) =>
    Number(size),
  )
  expect(sizes).toHaveLength(codecs.length)
  for (const size of sizes) expect(size).toBeLessThan(value.length * 4)
}

describe('compression', () => {
  it('with gzip, snappy and lz4 is what other clients read, and theirs is read', () => compresses(['gzip', 'snappy', 'lz4']))
})

describeUnless(libraryObstacle('libzstd-dev'), 'compression with zstd', () => {
  it('is what other clients read, and theirs is read', () => compresses(['zstd']))
})

describe('riacho run --client confluent', () => {
  it.each([['exactly-once'], ['at-least-once']] as const)(
    '%s, killed with -9 twice and started again, tells each event once, or none is missing',
    async guarantee => {
      const client = { flags: ['--client', 'confluent'], environment: { RIACHO_CONFLUENT_DRIVER: driver } }
      const events = new Events(ours, `confluent-${guarantee}-`)
      const result = await killed(events, { address: server.address, guarantee, client }, { events: 10_000, kills: 2, seed: 1 })
      expect(result.differences).toEqual([])
      expect(result.unfinished).toBeGreaterThan(0)
    },
    180_000,
  )
})
