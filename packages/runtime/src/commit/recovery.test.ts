import { embedded } from '@riacho/embedded'
import { count, mapAsync, reduce, text, to, topic, topology, toStream, tumbling } from '@riacho/streams'
import { BrokerError } from '@riacho/streams/engine'
import { describe, expect, it } from 'vitest'
import { type Call, Line } from '../line.fixture.ts'
import type { AppOptions } from '../options.ts'
import { committed, joined, latest, numbered, read, take, write } from '../trial.fixture.ts'

const source = topic('in', { key: text, value: text })
const kept = reduce<string, string>('kept', (sum, value) => `${sum} ${value}`, { value: text })
const windows = count<string, string>('windows', { window: tumbling(4, { grace: 0 }) })
const plan = topology(
  'back',
  source.pipe(
    mapAsync(async value => value),
    kept,
    toStream(),
    to('kept'),
  ),
  source.pipe(windows, toStream(), to('windows')),
)
type Guarantee = NonNullable<AppOptions['guarantee']>
const steps: Readonly<Record<Guarantee, readonly Call[]>> = {
  'at-least-once': ['flush', 'flush changelog', 'commit offsets'],
  'exactly-once': ['send offsets', 'commit'],
}
const reasons: Readonly<Record<string, BrokerError>> = {
  'an unknown outcome': new BrokerError('REQUEST_TIMED_OUT', 'no answer', { retriable: true }),
  'a transaction that must be aborted': new BrokerError('TIMEOUT', 'too late', { abortable: true }),
}

async function laid() {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'kept', 'windows'].map(name => ({ name, partitions: 1 })))
  // Every third record is behind the others: whether it is late depends on what the operator remembers.
  await write(broker, 'in', ...numbered(30).map((record, i) => ({ ...record, at: i % 3 === 2 ? i - 2 : i })))
  return { broker, line: new Line(broker) }
}

/** What the outputs are without any failure. */
async function undisturbed() {
  const { broker } = await laid()
  const engine = await joined(plan, { broker })
  await take(engine)
  await engine.commitDue(true)
  return Promise.all(['kept', 'windows'].map(async name => (await read(broker, name)).map(({ key, value }) => [key, value])))
}

const failures = (Object.keys(steps) as Guarantee[]).flatMap(guarantee =>
  steps[guarantee].flatMap(call => [
    ...Object.keys(reasons).map(reason => [guarantee, 'before', call, reason] as const),
    // What has happened cannot be known to be aborted.
    [guarantee, 'after', call, 'an unknown outcome'] as const,
  ]),
)

it.each(failures)('%s, %s "%s", %s: the task goes back to its last commit by itself', async (guarantee, when, failing, reason) => {
  const { broker, line } = await laid()
  const engine = await joined(plan, { broker: line.broker, guarantee, keepStreamTime: true })
  let broken = 0
  for (let turn = 0; turn < 6; turn++) {
    await take(engine, 5)
    line[when] = call => {
      if (call !== failing || turn % 2 === 0 || broken > turn) return
      broken = turn + 1
      throw reasons[reason]
    }
    await engine.commitDue(true)
    expect(engine.tasks[0]!.inputs[0]!.position).toBe((await committed(broker, 'back', 'in')) ?? 0)
  }
  line[when] = () => {}
  for (let turn = 0; turn < 3; turn++) {
    await take(engine)
    await engine.commitDue(true)
  }
  expect([engine.counters.recoveries, await committed(broker, 'back', 'in'), broker.loans]).toEqual([3, 30, 0])
  const [keptRows, windowRows] = await undisturbed()
  if (guarantee === 'exactly-once') {
    expect((await read(broker, 'kept')).map(({ key, value }) => [key, value])).toEqual(keptRows)
    expect((await read(broker, 'windows')).map(({ key, value }) => [key, value])).toEqual(windowRows)
  } else {
    const values = Object.values(await latest(broker, 'kept'))
      .join(' ')
      .split(' ')
    expect(new Set(values)).toEqual(new Set(numbered(30).map(record => record.value)))
  }
  const rows = [...(engine.tasks[0]!.stores.get('kept') as unknown as { entries(): Iterable<[string, { value: string }]> }).entries()]
  expect(Object.fromEntries(rows.map(([key, row]) => [key, row.value]))).toEqual(await latest(broker, 'back-kept-changelog'))
  await engine.close()
})

describe('failedCommitsMax', () => {
  it('bounds how often in a row a task goes back; then the failure is the application’s', async () => {
    const { line } = await laid()
    const engine = await joined(plan, { broker: line.broker, guarantee: 'exactly-once' })
    let tries = 0
    line.before = call => {
      if (call === 'commit') {
        tries++
        throw reasons['an unknown outcome']
      }
    }
    const again = async (): Promise<void> => {
      for (let turn = 0; turn < 100; turn++) {
        await take(engine)
        await engine.commitDue(true)
      }
    }
    await expect(again()).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' })
    expect([tries > 1, tries < 20, tries - 1]).toEqual([true, true, engine.counters.recoveries])
    await engine.close()
  })
})

it('a producer that cannot abort does not keep a task from going back', async () => {
  const { broker, line } = await laid()
  const engine = await joined(plan, { broker: line.broker, guarantee: 'exactly-once' })
  await take(engine)
  let broken = true
  line.before = call => {
    if (broken && (call === 'commit' || call === 'abort')) throw reasons['an unknown outcome']
  }
  await engine.commitDue(true)
  broken = false
  await take(engine)
  await engine.commitDue(true)
  expect([engine.counters.recoveries, await committed(broker, 'back', 'in')]).toEqual([1, 30])
  expect((await read(broker, 'kept')).length).toBe(30)
  await engine.close()
})

it('a restore says that the engine lives: it may take longer than a group waits', async () => {
  const { broker, line } = await laid()
  const engine = await joined(plan, { broker: line.broker })
  await take(engine)
  await engine.commitDue(true)
  await write(broker, 'in', ...numbered(1))
  await take(engine)
  line.failOnce('commit offsets')
  line.signsOfLife = 0
  await engine.commitDue(true)
  // Once as the task is opened, and once for each store.
  expect([engine.counters.recoveries, line.signsOfLife]).toEqual([1, 3])
  await engine.close()
})

it('going back is no crash: it does not make a record suspect of killing the process', async () => {
  const { broker, line } = await laid()
  await broker.admin.createTopics([{ name: 'dead', partitions: 1 }])
  const crashLoop = { startsMax: 1, onError: { deadLetter: 'dead' } } as const
  const engine = await joined(plan, { broker: line.broker, guarantee: 'exactly-once', crashLoop })
  for (let turn = 0; turn < 5; turn++) {
    await take(engine)
    line.failOnce('commit')
    await engine.commitDue(true)
  }
  line.before = () => {}
  for (let turn = 0; turn < 3; turn++) {
    await take(engine)
    await engine.commitDue(true)
  }
  expect([engine.counters.recoveries, await read(broker, 'dead'), (await read(broker, 'kept')).length]).toEqual([5, [], 30])
  expect(engine.tasks[0]!.guard).toMatchObject({ starts: 1, suspects: false, careful: false })
  await engine.close()
})
