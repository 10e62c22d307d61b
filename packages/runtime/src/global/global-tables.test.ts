import { embedded } from '@riacho/embedded'
import { type GlobalTableOptions, globalTable, json, leftLookup, lookup, text, to, topic, topology } from '@riacho/streams'
import { type Broker, BrokerError } from '@riacho/streams/engine'
import { FakeClock } from '@riacho/testing'
import { describe, expect, it } from 'vitest'
import { app } from '../app.ts'
import { Line } from '../line.fixture.ts'
import type { AppEvent, AppOptions } from '../options.ts'
import { joined, type Sent, take, until, values, write } from '../trial.fixture.ts'

const texts: GlobalTableOptions<string, string> = { key: text, value: text }
const source = topic('in', { key: text, value: text })
const out = to<string, string>('out', { value: text })
const paired = (options = texts) =>
  topology(
    'paired',
    source.pipe(
      leftLookup(
        globalTable('whole', options),
        value => value,
        (value, row) => `${value}=${row}`,
      ),
      out,
    ),
  )

async function laid(partitions = 1): Promise<Broker> {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics([
    { name: 'in', partitions: 2 },
    { name: 'out', partitions: 2 },
    { name: 'whole', partitions },
  ])
  return broker
}

const asked = (...keys: readonly string[]): Sent[] => keys.map((key, i) => ({ key, value: key, partition: i % 2 }))

describe('a global table', () => {
  it('is read whole, from all its partitions, before anything is processed', async () => {
    const broker = await laid(5)
    const rows = Array.from({ length: 500 }, (_, i) => ({ key: `k${i}`, value: `v${i}`, partition: i % 5 }))
    await write(broker, 'whole', ...rows, { key: 'k7', value: 'later', partition: 2 }, { key: 'k8', value: null, partition: 3 })
    await write(broker, 'in', ...asked('k0', 'k3', 'k499', 'k7', 'k8', 'none'))
    const events: AppEvent[] = []
    const engine = await joined(paired(), { broker, log: event => events.push(event) })
    expect(events).toContainEqual({ level: 'info', message: 'global tables loaded', tables: 1, records: 502 })
    await take(engine)
    await engine.commitDue(true)
    expect([...(await values(broker, 'out'))].sort()).toEqual(['k0=v0', 'k3=v3', 'k499=v499', 'k7=later', 'k8=null', 'none=null'])
    await engine.close()
  })

  it('is followed from then on, in the order of its offsets, whatever the times', async () => {
    const broker = await laid()
    const engine = await joined(paired(), { broker })
    const ask = async (...rows: readonly Sent[]): Promise<string | null | undefined> => {
      await write(broker, 'whole', ...rows)
      await write(broker, 'in', { key: 'a', value: 'a' })
      await take(engine)
      await engine.commitDue(true)
      return (await values(broker, 'out')).at(-1)
    }
    expect(await ask()).toBe('a=null')
    expect(await ask({ key: 'a', value: '1', at: 10 })).toBe('a=1')
    expect(await ask({ key: 'a', value: '2', at: 4 }, { key: 'b', value: '3' })).toBe('a=2')
    expect(await ask({ key: 'a', value: null, at: 1 })).toBe('a=null')
    await engine.close()
  })

  it('is one copy for all tasks of an instance, and each instance has its own', async () => {
    const broker = await laid(3)
    await write(broker, 'whole', { key: 'x', value: '1', partition: 2 })
    const both = [app(paired(), { broker, commitIntervalMs: 5 }), app(paired(), { broker, commitIntervalMs: 5 })]
    await Promise.all(both.map(one => one.start()))
    await write(broker, 'in', ...asked('x', 'x'))
    await until('both partitions', async () => (await values(broker, 'out')).length === 2)
    await write(broker, 'whole', { key: 'x', value: '2', partition: 2 })
    await Promise.all(both.map(one => one.untilEnd()))
    await write(broker, 'in', ...asked('x', 'x'))
    await until('both partitions again', async () => (await values(broker, 'out')).length === 4)
    expect([...(await values(broker, 'out'))].sort()).toEqual(['x=1', 'x=1', 'x=2', 'x=2'])
    expect(both.map(one => one.metrics().recordsIn)).toEqual([2, 2])
    await Promise.all(both.map(one => one.stop()))
    const engine = await joined(paired(), { broker })
    expect(engine.tasks.map(task => task.global(engine.plan.globals[0]!.store))).toEqual([engine.store('whole'), engine.store('whole')])
    expect(engine.tasks.flatMap(task => [...task.stores.keys()])).toEqual([])
    await engine.close()
  })

  it('is read again from its beginning after a restart, and sees what came meanwhile', async () => {
    const broker = await laid()
    const lives = [[{ key: 'a', value: '1' }], [{ key: 'b', value: '2' }], [{ key: 'a', value: '3' }]]
    for (const rows of lives) {
      await write(broker, 'whole', ...rows)
      const engine = await joined(paired(), { broker })
      await write(broker, 'in', ...asked('a'), { key: 'b', value: 'b' })
      await take(engine)
      await engine.commitDue(true)
      await engine.close()
    }
    expect(await values(broker, 'out')).toEqual(['a=1', 'b=null', 'a=1', 'b=2', 'a=3', 'b=2'])
    expect((await broker.admin.partitions(['paired-whole-changelog'])).size).toBe(0)
  })

  it('does not see what is not committed', async () => {
    const broker = await laid()
    const producer = await broker.producer({ transactionalId: 'writer' })
    const writer = producer.partition({ topic: 'whole', partition: 0 })
    writer.append(0, 'a', 'aborted')
    await producer.flush()
    const engine = await joined(paired(), { broker })
    const ask = async () => {
      await write(broker, 'in', ...asked('a'))
      await take(engine)
      await engine.commitDue(true)
      return (await values(broker, 'out')).at(-1)
    }
    expect(await ask()).toBe('a=null')
    await producer.abort()
    expect(await ask()).toBe('a=null')
    writer.append(0, 'a', 'done')
    await producer.commit()
    expect([await ask(), await engine.lag()]).toMatchObject(['a=done', [{ topic: 'in' }, { topic: 'in' }, { topic: 'whole', records: 0 }]])
    await engine.close()
  })

  it('must exist', async () => {
    const broker = await embedded()
    await broker.admin.createTopics(['in', 'out'].map(name => ({ name, partitions: 1 })))
    await expect(joined(paired(), { broker })).rejects.toMatchObject({ code: 'RIACHO_TOPIC_MISSING', place: { topic: 'whole' } })
  })
})

describe('bad records of a global table', () => {
  const numbers = { key: text, value: json<string>() } as GlobalTableOptions<string, string>
  const bad: readonly Sent[] = [
    { key: 'a', value: '1' },
    { key: 'b', value: '{' },
    { key: null, value: '2' },
  ]
  const late = { key: 'c', value: '{' }

  it('fail: the application does not start, and stops later, with the place of the record', async () => {
    const place = { topic: 'whole', partition: 0 }
    const broker = await laid()
    await write(broker, 'whole', ...bad)
    await expect(joined(paired(numbers), { broker })).rejects.toMatchObject({ code: 'RIACHO_DECODE', place: { ...place, offset: 1 } })
    const other = await laid()
    const running = app(paired(numbers), { broker: other })
    await running.start()
    await write(other, 'whole', late)
    await expect(running.done).rejects.toMatchObject({ code: 'RIACHO_DECODE', place: { ...place, offset: 0 } })
    expect(running.state).toBe('ERROR')
  })

  it('skip: they are counted, at the start and later, and told of with their place', async () => {
    const broker = await laid()
    await write(broker, 'whole', ...bad)
    const told: AppEvent[] = []
    const engine = await joined(paired({ ...numbers, onError: 'skip' }), {
      broker,
      log: event => {
        if (event.level === 'warn') told.push(event)
      },
    })
    expect(engine.counters.dropped).toEqual({ deserialization: 1, 'null-key': 1 })
    await write(broker, 'whole', late)
    await engine.fetch(0)
    expect([engine.counters.dropped, told]).toEqual([
      { deserialization: 2, 'null-key': 1 },
      [
        expect.objectContaining({ reason: 'deserialization', task: 'global whole', topic: 'whole', partition: 0, offset: 1 }),
        expect.objectContaining({ reason: 'null-key', topic: 'whole', offset: 2 }),
      ],
    ])
    await engine.close()
  })

  it('of the far future are what invalidTimestamp says', async () => {
    const broker = await laid()
    await write(broker, 'whole', { key: 'a', value: '1', at: 100 }, { key: 'a', value: '2', at: 111 })
    await write(broker, 'in', ...asked('a'))
    const engine = await joined(paired({ ...texts, maxFutureSkew: 10, invalidTimestamp: 'skip' }), { broker, clock: new FakeClock(100) })
    await take(engine)
    await engine.commitDue(true)
    expect([await values(broker, 'out'), engine.counters.dropped]).toEqual([['a=1'], { 'future-timestamp': 1 }])
    await engine.close()
  })
})

describe('a broker that is away', () => {
  const away = new BrokerError('UNREACHABLE', 'the broker is away', { retriable: true })

  async function following(options: Partial<AppOptions> = {}) {
    const broker = await laid()
    const line = new Line(broker)
    const clock = new FakeClock(0)
    const events: AppEvent[] = []
    const engine = await joined(paired(), { broker: line.broker, clock, log: event => events.push(event), ...options })
    // The tasks' fetcher polls first.
    let polls = 0
    const failing = (): void => {
      line.before = call => {
        if (call === 'poll' && ++polls % 2 === 0) throw away
      }
    }
    const mended = (): void => {
      line.before = () => {}
    }
    return { broker, clock, engine, events, failing, mended }
  }

  it('is asked again, and told of once', async () => {
    const { broker, engine, events, failing, mended } = await following()
    failing()
    for (let i = 0; i < 3; i++) await engine.fetch(0)
    expect(events.filter(event => event.level === 'warn')).toHaveLength(1)
    mended()
    await write(broker, 'whole', { key: 'a', value: '1' })
    await write(broker, 'in', ...asked('a'))
    await take(engine)
    await engine.commitDue(true)
    expect(await values(broker, 'out')).toEqual(['a=1'])
    await engine.close()
  })

  it('stops the application when it stays away for longer than an application bears it', async () => {
    const { clock, engine, failing } = await following({ limits: { brokerAwayMs: 50 } })
    failing()
    await engine.fetch(0)
    clock.advance(51)
    await expect(engine.fetch(0)).rejects.toBe(away)
    await engine.close()
  })

  it('stops the start when it hands out nothing', async () => {
    const broker = await laid()
    await write(broker, 'whole', { key: 'a', value: '1' })
    const line = new Line(broker)
    line.polled = () => []
    await expect(joined(paired(), { broker: line.broker, limits: { restoreStallMs: 50 } })).rejects.toMatchObject({
      code: 'RIACHO_RESTORE_STALLED',
      place: { topic: 'whole', partition: 0 },
      message: expect.stringContaining('offset 0 of 1'),
    })
  })
})

it('a lookup that must find a row stops the application with the place of its record', async () => {
  const broker = await laid()
  await write(broker, 'in', { key: 'a', value: 'a', partition: 1 })
  const strict = source.pipe(
    lookup(
      globalTable('whole', texts),
      value => value,
      (_, row) => row,
      { onMissing: 'fail' },
    ),
    out,
  )
  const running = app(topology('paired', strict), { broker })
  await running.start()
  await expect(running.done).rejects.toMatchObject({
    code: 'RIACHO_NO_MATCH',
    place: { node: 'lookup', topic: 'in', partition: 1, offset: 0 },
  })
})

it.each(['at its start', 'while it runs'])(
  'an application that a bad record of a global table stops %s gives back all that it was lent',
  async when => {
    const broker = await embedded({ poisonLoans: true })
    await broker.admin.createTopics(['in', 'out', 'whole'].map(name => ({ name, partitions: 3 })))
    const bad = [0, 1, 2].map(partition => ({ key: 'k', value: partition === 0 ? '{' : '1', partition }))
    const running = app(
      topology(
        'bad',
        source.pipe(
          leftLookup(
            globalTable('whole', { key: text, value: json<number>() }),
            value => value,
            value => value,
          ),
          out,
        ),
      ),
      { broker },
    )
    if (when === 'at its start') await write(broker, 'whole', ...bad)
    const started = running.start()
    if (when !== 'at its start') {
      await started
      await Promise.all([write(broker, 'whole', ...bad), write(broker, 'in', ...asked('a', 'b'))])
    }
    await expect(when === 'at its start' ? started : running.done).rejects.toMatchObject({ code: 'RIACHO_DECODE' })
    await until('it has closed', () => running.state === 'ERROR')
    expect(broker.loans).toBe(0)
  },
)
