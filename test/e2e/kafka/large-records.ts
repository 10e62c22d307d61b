import { app } from '@riacho/runtime'
import { text, to, topic, topology } from '@riacho/streams'
import { type Broker, readDeadLetter } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { read } from '../../../packages/runtime/src/trial.fixture.ts'

/** Records that the topic of the input takes, and those of the outputs do not. */
export function largeRecordTests(broker: () => Broker): void {
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
