import { kafka } from '@riacho/kafka'
import type { Broker, BrokerError, Membership, Producer } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaProxy } from '../../servers/proxy.ts'
import { joined } from './member.ts'
import { readAll } from './reading.ts'

/** Kafka's numbers of requests. */
const requests = { produce: 0, addPartitions: 24, addOffsets: 25, endTransaction: 26, transactionOffsets: 28 }

/** What happens when requests are carried out and their answers are lost. */
export function lostAnswerTests(broker: () => Broker, proxy: () => KafkaProxy, newTopic: (partitions: number) => Promise<string>): void {
  it('a producer loses, doubles and reorders nothing', async () => {
    const topic = await newTopic(2)
    const through = await kafka({ brokers: [`127.0.0.1:${proxy().port}`] })
    const producer = await through.producer({ batchBytesMax: 500 })
    proxy().mischief = { fates: ['lost'], requests: [requests.produce], every: 3 }
    const before = proxy().faults
    const sent = Array.from({ length: 2_000 }, (_, i) => `value ${i}`)
    for (const [i, value] of sent.entries()) {
      for (const partition of [0, 1]) producer.partition({ topic, partition }).append(Date.now(), null, value)
      if (i % 400 === 399) await producer.flush()
    }
    await producer.flush()
    proxy().mischief = undefined
    expect(proxy().faults - before).toBeGreaterThan(20)
    for (const partition of [0, 1]) {
      const [ends] = await broker().admin.offsets([{ topic, partition }])
      expect((await readAll(broker(), { topic, partition }, ends!.highWatermark)).values).toEqual(sent)
    }
    await through.close()
  }, 60_000)

  // A broker that has nothing of a producer takes any number for its first: the second batch would be taken for it.
  it('a producer keeps its order when the first batch of a partition is refused, and the next ones are on the way', async () => {
    const topic = await newTopic(1)
    const through = await kafka({ brokers: [`127.0.0.1:${proxy().port}`] })
    const producer = await through.producer({ batchBytesMax: 500 })
    const before = proxy().faults
    proxy().mischief = { fates: ['damaged'], requests: [requests.produce], every: 1, most: 1 }
    const sent = Array.from({ length: 100 }, (_, i) => `a value to damage ${i}`)
    for (const value of sent) producer.partition({ topic, partition: 0 }).append(Date.now(), null, value)
    await producer.flush()
    proxy().mischief = undefined
    expect(proxy().faults - before).toBe(1)
    expect((await readAll(broker(), { topic, partition: 0 }, sent.length)).values).toEqual(sent)
    await through.close()
  })

  it.each([
    [2, 200],
    [1, 60],
  ] as const)(
    'transactions of version %i are whole, and each is there once, with its offsets',
    async (transactionVersion, rounds) => {
      const topic = await newTopic(2)
      const input = await newTopic(1)
      const id = `lost-answers-${transactionVersion}`
      const { self, until } = await joined(broker(), id, input)
      await until(1)
      const through = await kafka({ brokers: [`127.0.0.1:${proxy().port}`], transactionVersion })
      const before = proxy().faults
      proxy().mischief = { fates: ['lost'], requests: Object.values(requests), every: 3 }
      await transact({ broker: through, id, topic, input, member: self }, rounds)
      proxy().mischief = undefined
      expect(proxy().faults - before).toBeGreaterThan(rounds)

      const expected = Array.from({ length: rounds }, (_, round) => [`${round} a`, `${round} b`]).flat()
      for (const partition of [0, 1]) {
        const [ends] = await broker().admin.offsets([{ topic, partition }])
        expect((await readAll(broker(), { topic, partition }, ends!.lastStable)).values).toEqual(expected)
      }
      expect((await broker().admin.committed(id, [{ topic: input, partition: 0 }])).map(at => at.offset)).toEqual([rounds])
      await through.close()
      await self.leave()
    },
    120_000,
  )
}

interface Work {
  readonly broker: Broker
  readonly id: string
  readonly topic: string
  readonly input: string
  readonly member: Membership
}

/** As an application works: a round that failed is done again, and after an unknown outcome the committed offset says where to go on. */
async function transact({ broker, id, topic, input, member }: Work, rounds: number): Promise<void> {
  const at = { topic: input, partition: 0 }
  let producer: Producer | undefined
  for (let round = 0; round < rounds; ) {
    producer ??= await broker.producer({ transactionalId: id })
    try {
      for (const letter of ['a', 'b']) {
        for (const partition of [0, 1]) producer.partition({ topic, partition }).append(Date.now(), null, `${round} ${letter}`)
        await producer.flush()
      }
      await producer.sendOffsets(member, [{ ...at, offset: round + 1 }])
      await producer.commit()
      round++
    } catch (thrown) {
      if ((thrown as BrokerError).abortable) await producer.abort()
      else {
        await producer.close()
        producer = await broker.producer({ transactionalId: id })
        round = (await broker.admin.committed(id, [at]))[0]?.offset ?? 0
      }
    }
  }
  await producer?.close()
}
