import { embedded } from '@riacho/embedded'
import { count, mapValues, text, to, topic, topology, toStream } from '@riacho/streams'
import { FakeClock } from '@riacho/testing'
import { expect, it } from 'vitest'
import { Line } from './line.fixture.ts'
import { type AppOptions, settings } from './options.ts'
import { CrashGuard } from './task/crash-guard.ts'
import { joined, take, write } from './trial.fixture.ts'

const source = topic('in', { key: text, value: text })

async function laid(options: Omit<Partial<AppOptions>, 'broker'>) {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out', 'plain'].map(name => ({ name, partitions: 1 })))
  const line = new Line(broker)
  const counting = source.pipe(count('counts'), toStream(), to('out'))
  const plain = source.pipe(
    mapValues(value => value.repeat(100)),
    to('plain', { value: text }),
  )
  const clock = new FakeClock()
  const open = (...ends: Parameters<typeof topology>[1][]) =>
    joined(topology('limited', ...ends), { broker: line.broker, clock, ...options })
  return { broker, line, counting, plain, clock, open }
}

const records = Array.from({ length: 20 }, (_, i) => ({ key: `key${i}`, value: 'v'.repeat(10), at: i }))

it('uncommittedWritesMax: a task that has more writes to take back commits at once', async () => {
  const { broker, counting, open, clock } = await laid({ limits: { uncommittedWritesMax: 10 } })
  const engine = await open(counting)
  await write(broker, 'in', ...records)
  await take(engine, 10)
  await engine.commitDue(false)
  expect(engine.counters.commits).toBe(0)
  await take(engine, 1)
  await engine.commitDue(false)
  expect(engine.counters.commits).toBe(1)
  await take(engine)
  await engine.commitDue(false)
  expect(engine.counters.commits).toBe(1)
  clock.advance(30_000)
  await engine.commitDue(false)
  expect(engine.counters.commits).toBe(2)
  await engine.close()
})

it('producerBytesMax: outputs beyond it are flushed, a changelog beyond it is committed', async () => {
  const { broker, line, plain, counting, open } = await laid({ limits: { producerBytesMax: 2000 } })
  await write(broker, 'in', ...records)
  const flushing = await open(plain)
  await take(flushing, 1)
  await flushing.commitDue(false)
  expect(line.calls).toEqual(['producer', 'producer'])
  await take(flushing, 3)
  await flushing.commitDue(false)
  expect([line.calls.slice(2), flushing.counters.commits]).toEqual([['flush'], 0])
  expect(flushing.tasks[0]!.producer.bufferedBytes).toBe(0)
  await flushing.close()
  const committing = await open(counting)
  await take(committing, 20)
  expect(committing.tasks[0]!.changelog.bufferedBytes).toBeLessThan(2000)
  for (let portion = 0; committing.counters.commits === 0; portion++) {
    expect(portion).toBeLessThan(10)
    await write(broker, 'in', ...records)
    await take(committing)
    await committing.commitDue(false)
  }
  await committing.close()
})

it('commits when its time has come, and only then', async () => {
  const { broker, counting, clock, open } = await laid({ guarantee: 'exactly-once' })
  const engine = await open(counting)
  await write(broker, 'in', ...records)
  await take(engine)
  clock.advance(99)
  await engine.commitDue(false)
  expect(engine.counters.commits).toBe(0)
  clock.advance(1)
  await engine.commitDue(false)
  await engine.commitDue(false)
  expect(engine.counters.commits).toBe(1)
  await engine.close()
})

const limits = Object.keys(settings({ broker: {} as never }).limits)
it.each(limits)('%s is a whole number above 0', async name => {
  const broker = await embedded()
  expect(limits.length).toBeGreaterThan(5)
  for (const wrong of [0, -1, 1.5, Number.NaN]) {
    expect(() => settings({ broker, limits: { [name]: wrong } })).toThrow(expect.objectContaining({ code: 'RIACHO_OPTION' }))
  }
})

it('refuses a guarantee and an interval that do not exist', async () => {
  const broker = await embedded()
  expect(() => settings({ broker, guarantee: 'twice' as never })).toThrow('RIACHO_OPTION')
  expect(() => settings({ broker, commitIntervalMs: -1 })).toThrow('RIACHO_OPTION')
  expect(() => settings({ broker, maxTaskIdleMs: Number.NaN })).toThrow('RIACHO_OPTION')
  expect(settings({ broker, maxTaskIdleMs: -1 }).maxTaskIdleMs).toBe(-1)
})

it('refuses transactions that the broker would abort before they are committed', async () => {
  const broker = await embedded()
  const limits = { transactionTimeoutMs: 1000 }
  expect(() => settings({ broker, guarantee: 'exactly-once', commitIntervalMs: 1001, limits })).toThrow('RIACHO_OPTION')
  expect(settings({ broker, guarantee: 'exactly-once', commitIntervalMs: 1000, limits }).commitIntervalMs).toBe(1000)
  expect(settings({ broker, commitIntervalMs: 1001, limits }).commitIntervalMs).toBe(1001)
})

it('carefulRecordsMax: an application that died before takes so many records one by one, and then trusts its input again', () => {
  const guard = new CrashGuard({ startsMax: 1, onError: 'fail' }, 1)
  let taken = 0
  for (; guard.careful && taken < 1_000_000; taken++) guard.took()
  expect(taken).toBe(10_000)
})
