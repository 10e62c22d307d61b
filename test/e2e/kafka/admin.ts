import { kafka } from '@riacho/kafka'
import type { TopicPartition } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { readRecords } from '../../../packages/riacho/src/read.ts'
import type { KafkaServer } from '../../servers/kafka.ts'
import { rejection } from './reading.ts'

/** What a Kafka cluster's admin answers beside the contract. */
export function adminTests(server: () => KafkaServer, newTopic: (partitions?: number) => Promise<string>): void {
  it('shows how topics are configured, with what is left to the cluster', async () => {
    const broker = await kafka({ brokers: [server().address] })
    const plain = await newTopic()
    const config = { 'cleanup.policy': 'compact,delete', 'retention.ms': '12345' }
    await broker.admin.createTopics([{ name: `${plain}-configured`, partitions: 1, config }])
    const found = await broker.admin.configs([plain, `${plain}-configured`, 'not-there'])
    expect([...found.keys()].sort()).toEqual([plain, `${plain}-configured`])
    expect(found.get(`${plain}-configured`)).toMatchObject({ ...config, 'message.timestamp.type': 'CreateTime' })
    expect(found.get(plain)).toMatchObject({ 'cleanup.policy': 'delete', 'retention.ms': '-1' })
    expect(await broker.admin.configs([])).toEqual(new Map())
    const refused = broker.admin.createTopics([{ name: `${plain}-odd`, partitions: 1, config: { 'cleanup.policy': 'burn' } }])
    expect(await rejection(refused)).toMatchObject({ code: 'INVALID_CONFIG', fatal: true, message: expect.stringContaining('burn') })
    await broker.close()
  })

  it('finds offsets by time, up to what is stable, and tells how far a group is behind', async () => {
    const broker = await kafka({ brokers: [server().address] })
    const topic = await newTopic(2)
    const [at, empty] = [0, 1].map(partition => ({ topic, partition })) as [TopicPartition, TopicPartition]
    const start = Date.now() - 1_000_000
    const plain = await broker.producer({})
    for (let i = 0; i < 5; i++) {
      plain.partition(at).append(start + i * 1_000, null, `${i}`)
      await plain.flush()
    }
    const open = await broker.producer({ transactionalId: topic })
    open.partition(at).append(start + 10_000, null, 'open')
    await open.flush()
    expect(await broker.admin.offsetsAt(start + 1_500, [at, empty])).toEqual([{ ...at, offset: 2 }])
    expect(await broker.admin.offsetsAt(start, [at])).toEqual([{ ...at, offset: 0 }])
    expect(await broker.admin.offsetsAt(start + 9_000, [at])).toEqual([])
    expect(await broker.admin.offsetsAt(start + 9_000, [at], 'read_uncommitted')).toEqual([{ ...at, offset: 5 }])
    expect(await rejection(broker.admin.offsetsAt(Number.NaN, [at]))).toMatchObject({ code: 'CONFIGURATION' })

    // What reads from a time on reads nothing before it.
    for (const [since, wanted] of [
      [start + 1_500, ['2', '3', '4']],
      [start + 9_000, []],
    ] as const) {
      const seen: unknown[] = []
      await readRecords(broker, { topic, since, untilEnd: true }, (_, cursor) => {
        seen.push(cursor.valueFrame.toString('utf8', cursor.valueStart, cursor.valueEnd))
        return true
      })
      expect(seen).toEqual(wanted)
    }

    const lags = async () => (await broker.admin.lag(topic, [at, empty])).map(({ lag }) => lag)
    expect(await lags()).toEqual([5, 0])
    await broker.admin.deleteRecords([{ ...at, offset: 2 }])
    expect(await lags()).toEqual([3, 0])
    await server().tool(
      'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
      ...['--bootstrap-server', server().address, '--group', topic, '--topic', `${topic}:0`],
      ...['--reset-offsets', '--to-offset', '4', '--execute'],
    )
    expect(await lags()).toEqual([1, 0])
    await open.commit()
    await broker.close()
  })
}
