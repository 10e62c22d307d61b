import { type App, type AppOptions, app } from '@riacho/runtime'
import { mapValues, reduce, text, to, topic, topology, toStream } from '@riacho/streams'
import { type Broker, readDeadLetter } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { committed, latest, read, type Sent, values, write } from '../../../packages/runtime/src/trial.fixture.ts'
import type { KafkaServer } from '../../servers/kafka.ts'
import { until } from '../event-processor.fixture.ts'
import { Operator } from './operator.ts'

/** Records that the topic of the input takes, and those of the outputs do not. */
export function largeRecordTests(server: () => KafkaServer, broker: () => Broker): void {
  changelogTests(server, broker)

  it.each(['at-least-once', 'exactly-once'] as const)(
    '%s: what is too large for its topic is a dead letter, which says how much of it is missing and where it is, and all else goes on',
    async guarantee => {
      const [from, out, dead] = ['in', 'out', 'dead'].map(name => `large-${guarantee}-${name}`) as [string, string, string]
      await broker().admin.createTopics([
        { name: from, partitions: 1, config: { 'max.message.bytes': '10000000' } },
        { name: out, partitions: 1 },
        { name: dead, partitions: 1 },
      ])
      const producer = await broker().producer({})
      const sizes = [10, 900_000, 1_100_000, 20, 5_000_000, 30]
      for (const size of sizes) producer.partition({ topic: from, partition: 0 }).append(1, `${size}`, 'x'.repeat(size))
      await producer.flush()
      await producer.close()
      const lines = topic(from, { key: text, value: text })
      const plan = topology(`large-${guarantee}`, lines.pipe(to(out, { onError: { deadLetter: dead } })))
      const running = app(plan, { broker: broker(), guarantee, commitIntervalMs: 100 })
      await running.start()
      await running.untilEnd()
      await running.stop()
      expect((await read(broker(), out)).map(({ value }) => value!.length)).toEqual([10, 900_000, 20, 30])
      const letters = (await read(broker(), dead)).map(({ key, raw, headers }) => readDeadLetter(Buffer.from(key!), raw, headers))
      expect(letters).toMatchObject([
        { code: 'RIACHO_TOO_LARGE', topic: from, partition: 0, offset: 2, cutFrom: 1_100_000 },
        { code: 'RIACHO_TOO_LARGE', topic: from, partition: 0, offset: 4, cutFrom: 5_000_000 },
      ])
      for (const { original } of letters) expect(original.value!.length).toBeGreaterThan(1_000_000)
    },
    60_000,
  )
}

const sent = (key: string, size: number): Sent => ({ key, value: 'x'.repeat(size), at: Date.now() })

function changelogTests(server: () => KafkaServer, broker: () => Broker): void {
  it.each(['at-least-once', 'exactly-once'] as const)(
    '%s: state that is too large for its changelog stops the application before anything of it counts, and goes on when the topic takes it',
    async guarantee => {
      const name = `grown-${guarantee}`
      const [from, out, changelog] = [`${name}-in`, `${name}-out`, `${name}-all-changelog`]
      await broker().admin.createTopics([from, out].map(each => ({ name: each, partitions: 1 })))
      const started = async (): Promise<App> => {
        const all = reduce<string, string>('all', (sum, value) => sum + value, { value: text })
        const lengths = topic(from, { key: text, value: text }).pipe(
          all,
          toStream(),
          mapValues(value => `${value?.length}`),
          to(out, { value: text }),
        )
        const running = app(topology(name, lengths), { broker: broker(), guarantee, commitIntervalMs: 100 } satisfies AppOptions)
        running.done.catch(() => {})
        await running.start()
        return running
      }
      const running = await started()
      await write(broker(), from, sent('a', 400_000), sent('b', 1), sent('a', 400_000))
      await until(async () => (await committed(broker(), name, from)) === 3, 'what fits is committed', 20_000)
      const began = performance.now()
      await write(broker(), from, sent('a', 400_000), sent('b', 1))
      await expect(running.done).rejects.toMatchObject({
        code: 'RIACHO_TOO_LARGE',
        place: { topic: changelog },
        message: expect.stringContaining('max.message.bytes'),
      })
      expect(performance.now() - began).toBeLessThan(5_000)
      expect(running.metrics().recoveries).toBe(0)
      expect(await committed(broker(), name, from)).toBe(3)

      const operator = new Operator(server().address)
      await operator.limit(changelog, 2_000_000)
      await operator.close()
      const mended = await started()
      await mended.untilEnd()
      await mended.stop()
      expect((await latest(broker(), out)).a).toBe('1200000')
      if (guarantee === 'exactly-once') expect(await values(broker(), out)).toEqual(['400000', '1', '800000', '1200000', '2'])

      // From the changelog alone.
      await write(broker(), from, sent('a', 1))
      const restored = await started()
      await restored.untilEnd()
      await restored.stop()
      expect((await latest(broker(), out)).a).toBe('1200001')
    },
  )
}
