import { embedded } from '@riacho/embedded'
import {
  count,
  type KStream,
  type KTable,
  leftJoinStream,
  mapAsync,
  merge,
  rekey,
  text,
  to,
  topic,
  topology,
  tumbling,
} from '@riacho/streams'
import { FakeClock } from '@riacho/testing'
import { expect, it } from 'vitest'
import { type AppEvent, settings } from '../options.ts'
import { joined, numbered, take, write } from '../trial.fixture.ts'
import { checkLimits } from './limits.ts'

const source = topic('in', { key: text, value: text })
const other = topic('other', { key: text, value: text })

it('refuses stream times that do not fit the metadata of a commit, before anything runs', async () => {
  const broker = await embedded()
  await broker.admin.createTopics(['in', 'other'].map(name => ({ name, partitions: 1 })))
  const many = (end: (name: string) => KStream<string, unknown> | KTable<unknown, number>, times = 25) =>
    Array.from({ length: times }, (_, i) => end(`${i}-${'n'.repeat(80)}`))
  const window = tumbling(10, { grace: 0 })
  const taken = (ends: ReturnType<typeof many>, keepStreamTime: boolean) =>
    joined(topology('wordy', ...ends), { broker, keepStreamTime }).then(engine => engine.close())
  const final = (name: string) => source.pipe(count(name, { window, emit: 'onClose' }))
  await taken(
    many(name => source.pipe(count(name, { window }))),
    true,
  )
  await taken(many(final), false)
  await expect(taken(many(final), true)).rejects.toThrow(/RIACHO_OPTION.* 50 times .*leave keepStreamTime out/)
  await expect(taken(many(final, 40), false)).rejects.toThrow(/RIACHO_OPTION.* 40 times .*joins$/)
  const pair = (name: string) => source.pipe(leftJoinStream(name, other, left => left, { before: 1, after: 1, grace: 0 }))
  await expect(taken(many(pair), true)).rejects.toThrow(/RIACHO_OPTION.* 75 times/)
})

it('warns of retries that pause longer than a commit waits', async () => {
  const broker = await embedded()
  const warned = (max: number): readonly AppEvent[] => {
    const events: AppEvent[] = []
    const slow = mapAsync<string, string, string>(async value => value, { retry: { retriesMax: 2, backoff: { min: max, max } } })
    checkLimits(topology('patient', source.pipe(slow, to('out'))), settings({ broker, log: event => events.push(event) }))
    return events
  }
  expect(warned(2500)).toEqual([])
  expect(warned(2501)).toMatchObject([{ level: 'warn', message: expect.stringContaining("'mapAsync' may pause 5002 ms") }])
})

it('deletes from repartition topics what commits cover, every repartitionPurgeMs, and nothing else', async () => {
  const broker = await embedded()
  await broker.admin.createTopics([{ name: 'in', partitions: 1 }])
  const clock = new FakeClock(1_000_000)
  const plan = topology(
    'purging',
    merge(source, source).pipe(
      rekey('moved', value => value),
      count('n'),
    ),
  )
  const engine = await joined(plan, { broker, clock, guarantee: 'exactly-once' })
  const at = { topic: 'purging-moved-repartition', partition: 0 }
  const starts = async (): Promise<readonly number[]> =>
    (await broker.admin.offsets([at, { topic: 'in', partition: 0 }, { topic: 'purging-n-changelog', partition: 0 }])).map(
      found => found.start,
    )
  await write(broker, 'in', ...numbered(10))
  for (let turn = 0; turn < 3; turn++) {
    await take(engine)
    await engine.commitDue(true)
  }
  const [covered] = (await engine.committed()).filter(({ topic: name }) => name === at.topic)
  expect(covered!.offset).toBeGreaterThanOrEqual(20)
  clock.advance(29_999)
  await engine.purge()
  expect(await starts()).toEqual([0, 0, 0])
  clock.advance(1)
  await engine.purge()
  expect(await starts()).toEqual([covered!.offset, 0, 0])
  await engine.close()
})
