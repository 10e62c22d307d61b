import type { Broker } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import { outageOfClients } from './client-outage.ts'

/** What clients do while the cluster is away. */
export function clientOutageTests(
  server: () => KafkaServer,
  broker: () => Broker,
  newTopic: (partitions: number) => Promise<string>,
): void {
  it('producers and readers go on when the broker was killed and comes back: nothing is lost, doubled or reordered', async () => {
    const plan = { rounds: 10, awayMs: 3_000 }
    const { differences, records, transactions } = await outageOfClients(server(), broker(), await newTopic(4), plan)
    expect(differences).toEqual([])
    expect(records).toBeGreaterThan(0)
    expect(transactions).toBeGreaterThanOrEqual(plan.rounds * 2)
  }, 90_000)
}
