import type { Broker } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import { type OutagePlan, outage } from './absence.ts'

/** What an application does while the cluster is away. */
export function outageTests(server: () => KafkaServer, broker: () => Broker): void {
  it.each(['exactly-once', 'at-least-once'] as const)(
    '%s, goes on in the same process when its broker was killed and comes back: nothing lost, doubled or reordered',
    async guarantee => {
      const plan: OutagePlan = { guarantee, awayMs: 5_000, warmMs: 3_000, eventsPerSecond: 2_000 }
      const result = await outage(server(), broker(), `out-${guarantee}-`, plan)
      expect(result.differences, result.error).toEqual([])
      expect(result.code, result.error).toBe(0)
      expect(result.notReadyAfter).toBeDefined()
    },
    180_000,
  )
}
