import type { Broker, TopicPartition } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import { taken } from './reading.ts'

const partitions = [0, 1, 2, 3]
const rounds = 60

/** What happens when a broker dies and others lead what it led. */
export function leaderTests(server: () => KafkaServer, broker: () => Broker): void {
  it('go on where another broker leads: nothing is lost, doubled or reordered', async () => {
    const second = await server().addBroker()
    const [topic, places] = ['led', ['--partitions', '4', '--replication-factor', '2']]
    const create = ['--create', '--topic', topic, ...places, '--bootstrap-server', server().address]
    await server().tool('org.apache.kafka.tools.TopicCommand', ...create)
    await broker().admin.createTopics([{ name: topic, partitions: partitions.length }])

    const at = (partition: number): TopicPartition => ({ topic, partition })
    const plain = await broker().producer({ batchBytesMax: 300 })
    const transactional = await broker().producer({ transactionalId: 'led' })
    const fetcher = broker().fetcher({ isolation: 'read_committed' })
    for (const partition of partitions) fetcher.add(at(partition), 0)
    const seen = partitions.map((): string[] => [])
    const read = async (count: number) => {
      while (seen.some(values => values.length < count))
        for (const slice of await fetcher.poll(1_000)) seen[slice.partition]!.push(...(taken(slice).values as string[]))
    }
    for (let round = 0; round < rounds; round++) {
      for (const partition of partitions)
        for (let i = 0; i < 20; i++) plain.partition(at(partition)).append(Date.now(), null, `p ${round * 20 + i}`)
      for (const partition of partitions) transactional.partition(at(partition)).append(Date.now(), null, `t ${round}`)
      const flushed = plain.flush()
      // In the middle of what is on the way.
      const died = round === rounds / 2 ? second.kill() : Promise.resolve()
      await Promise.all([flushed, transactional.commit(), died])
      if (round < rounds / 2) await read((round + 1) * 21)
    }
    await read(rounds * 21)
    for (const values of seen) {
      expect(values.filter(value => value.startsWith('p'))).toEqual(Array.from({ length: rounds * 20 }, (_, i) => `p ${i}`))
      expect(values.filter(value => value.startsWith('t'))).toEqual(Array.from({ length: rounds }, (_, i) => `t ${i}`))
    }
    fetcher.close()
    await plain.close()
    await transactional.close()
  }, 90_000)
}
