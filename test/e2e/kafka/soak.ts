import type { Broker } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import { soak } from './soaked.ts'

/** Connections that come and go by themselves. A leak of one each commit would be more. */
const passing = 8

/** The short form of `test/e2e/soak.ts`. */
export function soakTests(server: () => KafkaServer, broker: () => Broker): void {
  it('takes all that comes at an even rate, without more descriptors', async () => {
    const plan = { address: server().address, guarantee: 'exactly-once', bytes: 40e6, milliseconds: 4_000, everyMs: 200 } as const
    const { samples, written, taken, code, error } = await soak(broker(), plan, () => {})
    expect(code, error).toBe(0)
    expect(taken).toBe(written)
    const descriptors = samples.map(sample => sample.descriptors)
    const half = Math.ceil(samples.length / 2)
    expect(Math.max(...descriptors.slice(half))).toBeLessThanOrEqual(Math.max(...descriptors.slice(0, half)) + passing)
  }, 120_000)
}
