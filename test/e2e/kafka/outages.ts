import { kafka } from '@riacho/kafka'
import type { Broker } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import type { KafkaProxy } from '../../servers/proxy.ts'
import { outageOfClients } from './client-outage.ts'
import { requests } from './faulty-transactions.ts'
import { readAll } from './reading.ts'

/** What clients do while the cluster is away. */
export function clientOutageTests(
  server: () => KafkaServer,
  broker: () => Broker,
  proxy: () => KafkaProxy,
  newTopic: (partitions: number) => Promise<string>,
): void {
  it('producers and readers go on when the broker was killed and comes back: nothing is lost, doubled or reordered', async () => {
    const plan = { rounds: 10, awayMs: 3_000 }
    const { differences, records, transactions } = await outageOfClients(server(), broker(), await newTopic(4), plan)
    expect(differences).toEqual([])
    expect(records).toBeGreaterThan(0)
    expect(transactions).toBeGreaterThanOrEqual(plan.rounds * 2)
  }, 180_000)

  it.each([2, 1] as const)(
    'a commit of version %i that was carried out is certain though its coordinator crashes before it answers',
    async transactionVersion => {
      const at = { topic: await newTopic(1), partition: 0 }
      const through = await kafka({ brokers: [`127.0.0.1:${proxy().port}`], transactionVersion })
      const producer = await through.producer({ transactionalId: `crashed-${transactionVersion}` })
      producer.partition(at).append(Date.now(), null, 'a')
      await producer.flush()
      proxy().mischief = { fates: ['late'], requests: [requests.endTransaction], every: 1, most: 1, delayMs: 600_000 }
      const committed = producer.commit()
      await readAll(broker(), at, 2)
      await server().kill()
      proxy().mischief = undefined
      await server().restart()
      await committed
      producer.partition(at).append(Date.now(), null, 'b')
      await producer.commit()
      expect((await readAll(broker(), at, 4)).values).toEqual(['a', 'b'])
      await through.close()
    },
    180_000,
  )
}
