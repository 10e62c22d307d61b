import { embedded } from '@riacho/embedded'
import { app } from '@riacho/runtime'
import { type ScyllaOptions, scylla } from '@riacho/scylla'
import { json, persist, text, topic, topology } from '@riacho/streams'
import { describe, expect, it } from 'vitest'
import { read, write } from '../../packages/runtime/src/trial.fixture.ts'
import type { CassandraServer } from '../servers/cassandra.ts'

interface Event {
  readonly id: string
  readonly revision: number
}

/** What pipelines into a real Cassandra keep: `rows` asks it from outside. */
export function scyllaPipelineTests(server: () => CassandraServer, rows: (table: string) => Promise<readonly [string, number][]>): void {
  describe('a pipeline', () => {
    it.each(['at-least-once', 'exactly-once'] as const)(
      '%s, whose Cassandra is killed and comes back: rows equal the recomputation, nothing is a dead letter, and no commit passes an unwritten row',
      async guarantee => {
        const table = `pipeline_${guarantee.replaceAll('-', '_')}`
        const options: ScyllaOptions<string, Event, 'id' | 'revision'> = {
          contactPoints: [`127.0.0.1:${server().port}`],
          localDataCenter: 'datacenter1',
          keyspace: 'riacho',
          table,
          create: true,
          columns: { id: 'text', revision: 'int' },
          key: { partition: ['id'] },
          row: event => event,
          requestTimeout: 2000,
        }
        const broker = await embedded()
        await broker.admin.createTopics(['in', 'dead'].map(name => ({ name, partitions: 2 })))
        const oracle = new Map<string, number>()
        const produce = async (from: number, to: number): Promise<void> => {
          const records = Array.from({ length: to - from }, (_, i) => {
            const id = `e${(from + i) % 400}`
            oracle.set(id, from + i)
            return { key: id, value: JSON.stringify({ id, revision: from + i }), partition: (from + i) % 2 }
          })
          await write(broker, 'in', ...records)
        }
        const plan = topology(
          'pipeline',
          topic('in', { key: text, value: json<Event>() }).pipe(
            persist(scylla(options), {
              retry: { retriesMax: 5, backoff: { min: 50, max: 500 } },
              onError: { deadLetter: 'dead' },
              breaker: { pause: { min: 100, max: 1000 } },
            }),
          ),
        )
        const running = app(plan, { broker, guarantee, commitIntervalMs: 100, limits: { commitDrainMs: 1000 } })
        await running.start()
        await produce(0, 2000)
        await running.untilEnd()
        await server().kill()
        await produce(2000, 6000)
        await expect.poll(() => running.metrics().recoveries, { timeout: 30_000 }).toBeGreaterThan(0)
        const committedWhileAway = await broker.admin.committed('pipeline', [
          { topic: 'in', partition: 0 },
          { topic: 'in', partition: 1 },
        ])
        await server().restart()
        await running.untilEnd()
        await running.stop()
        expect(committedWhileAway.map(({ offset }) => offset)).toEqual([1000, 1000])
        expect(Object.fromEntries(await rows(table))).toEqual(Object.fromEntries(oracle))
        expect((await read(broker, 'dead')).length).toBe(0)
      },
      180_000,
    )
  })
}
