import { expect, it } from 'vitest'
import type { KafkaServer } from '../../servers/kafka.ts'
import { rebalanced } from './rebalanced.ts'

/** Members that come, go and die under load. For longer, with any seed: `node test/e2e/rebalances.ts`. */
export function rebalanceTests(server: () => KafkaServer): void {
  it('lose nothing and double nothing, and no partition has two owners', async () => {
    const seed = Date.now() % 1_000_000
    const outcome = await rebalanced({ bootstrap: server().address, seed, milliseconds: 7000, name: `rebalances-${seed}` })
    const story = `seed ${seed}: ${outcome.story.join(', ')}`
    expect(outcome.failures, story).toEqual([])
    expect(outcome.shared, story).toEqual([])
    // Each update of a key is there once, in order: who counts on from a state that is not the last one tells a number twice.
    const expected = [...outcome.written].map(([key, count]) => [key, Array.from({ length: count }, (_, i) => i + 1)] as const)
    expect(outcome.counted, story).toEqual(new Map(expected))
  }, 60_000)
}
