import { kafka } from '@riacho/kafka'
import type { Broker, TopicPartition } from '@riacho/streams/engine'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type KafkaServer, startKafka } from '../../servers/kafka.ts'
import { readAll } from './reading.ts'

/** The oldest Kafka that the client knows; `node test/e2e/versions.ts` runs the whole contract on it, and on those between. */
export const oldestKafka = '3.5.2'

/** The main ways of the client on the oldest Kafka. */
export function oldestTests(): void {
  let server: KafkaServer
  let broker: Broker

  beforeAll(async () => {
    server = await startKafka({ version: oldestKafka })
    broker = await kafka({ brokers: [server.address], poisonLoans: true })
  }, 180_000)

  afterAll(async () => {
    await broker?.close()
    await server?.stop()
  })

  it('writes, commits, aborts, reads and deletes', async () => {
    await broker.admin.createTopics([{ name: 'old', partitions: 2, config: { 'cleanup.policy': 'delete' } }])
    const at: TopicPartition = { topic: 'old', partition: 0 }
    const plain = await broker.producer({})
    plain.partition(at).append(Date.now(), 'k', 'plain')
    await plain.flush()
    const producer = await broker.producer({ transactionalId: 'old' })
    for (const end of ['abort', 'commit', 'abort', 'commit'] as const) {
      producer.partition(at).append(Date.now(), null, end)
      await producer.flush()
      await producer[end]()
    }
    expect((await readAll(broker, at, 9)).values).toEqual(['plain', 'commit', 'commit'])
    await broker.admin.deleteRecords([{ ...at, offset: 4 }])
    expect(await broker.admin.offsets([at])).toEqual([{ ...at, start: 4, highWatermark: 9, lastStable: 9 }])
    const newer = await broker.producer({ transactionalId: 'old' })
    producer.partition(at).append(Date.now(), null, 'zombie')
    await expect(producer.commit()).rejects.toMatchObject({ fenced: true })
    for (const one of [plain, producer, newer]) await one.close()
  })

  it('commits the offsets of a member, with a transaction and without', async () => {
    await broker.admin.createTopics([{ name: 'old-group', partitions: 1 }])
    const at: TopicPartition = { topic: 'old-group', partition: 0 }
    let assigned: () => void
    const owns = new Promise<void>(resolve => {
      assigned = resolve
    })
    const member = await broker.join(
      { group: 'old', topics: [at.topic] },
      {
        assigned: async partitions => {
          if (partitions.length > 0) assigned()
        },
        revoked: async () => {},
        lost: () => {},
      },
    )
    await owns
    await member.commit([{ ...at, offset: 3, metadata: 'm' }])
    expect(await broker.admin.committed('old', [at])).toEqual([{ ...at, offset: 3, metadata: 'm' }])
    const producer = await broker.producer({ transactionalId: 'old-group' })
    producer.partition(at).append(Date.now(), null, 'v')
    await producer.sendOffsets(member, [{ ...at, offset: 5 }])
    await producer.commit()
    expect((await broker.admin.committed('old', [at])).map(({ offset }) => offset)).toEqual([5])
    await member.leave()
    await producer.close()
  })
}
