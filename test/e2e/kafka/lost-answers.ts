import { kafka } from '@riacho/kafka'
import type { Broker } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { Fate, KafkaProxy } from '../../servers/proxy.ts'
import { requests, transactUnderFaults } from './faulty-transactions.ts'
import { readAll } from './reading.ts'

/** What happens when requests are carried out and their answers are lost or late, or when requests are late themselves. */
export function lostAnswerTests(broker: () => Broker, proxy: () => KafkaProxy, newTopic: (partitions: number) => Promise<string>): void {
  it.each<[readonly Fate[], number]>([
    [['lost'], 40],
    [['stray', 'damaged', 'late'], 12],
  ])(
    'a producer loses, doubles and reorders nothing when requests are %j',
    async (fates, most) => {
      const topic = await newTopic(2)
      const through = await kafka({ brokers: [`127.0.0.1:${proxy().port}`], requestTimeoutMs: 500 })
      const producer = await through.producer({ batchBytesMax: 500 })
      const before = proxy().faults
      proxy().mischief = { fates, requests: [requests.produce], every: 5, most, delayMs: 800 }
      const sent = Array.from({ length: 2_000 }, (_, i) => `value ${i}`)
      for (const [i, value] of sent.entries()) {
        for (const partition of [0, 1]) producer.partition({ topic, partition }).append(Date.now(), null, value)
        if (i % 400 === 399) await producer.flush()
      }
      await producer.flush()
      proxy().mischief = undefined
      expect(proxy().faults - before).toBeGreaterThan(10)
      for (const partition of [0, 1]) expect((await readAll(broker(), { topic, partition }, sent.length)).values).toEqual(sent)
      for (const partition of [0, 1]) expect((await broker().admin.offsets([{ topic, partition }]))[0]!.highWatermark).toBe(sent.length)
      await through.close()
    },
    60_000,
  )

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

  it.each([2, 1] as const)(
    'transactions of version %i are whole, and each is there once, with its offsets',
    async transactionVersion => {
      const place = {
        broker: broker(),
        proxy: proxy(),
        topic: await newTopic(2),
        input: await newTopic(1),
        id: `faulty-${transactionVersion}`,
      }
      const fates = ['lost', 'late', 'stray'] as const
      const { differences, rounds } = await transactUnderFaults(place, { transactionVersion, fates, faults: 24 })
      expect(differences).toEqual([])
      expect(rounds).toBeGreaterThan(10)
    },
    120_000,
  )
}
