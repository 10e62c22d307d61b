import { embedded } from '@riacho/embedded'
import { text, to, topic, topology } from '@riacho/streams'
import { type Broker, BrokerError, type GroupCallbacks } from '@riacho/streams/engine'
import { FakeClock } from '@riacho/testing'
import { expect, it } from 'vitest'
import { app } from '../app.ts'
import { type Call, Line } from '../line.fixture.ts'
import { type AppEvent, type AppOptions, settings } from '../options.ts'
import { committed, joined, numbered, read, take, until, write } from '../trial.fixture.ts'
import { Engine } from './engine.ts'
import { Seat, type SeatHome } from './seat.ts'

const plan = topology('seat', topic('in', { key: text, value: text }).pipe(to('out')))
const fenced = new BrokerError('PRODUCER_FENCED', 'a newer producer is there', { fenced: true })
const away = new BrokerError('UNREACHABLE', 'the broker is away', { retriable: true })

async function laid() {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out'].map(name => ({ name, partitions: 2 })))
  for (const partition of [0, 1]) await write(broker, 'in', ...numbered(10).map(record => ({ ...record, partition })))
  return { broker, line: new Line(broker) }
}

it.each<[NonNullable<AppOptions['guarantee']>, Call]>([
  ['exactly-once', 'send offsets'],
  ['exactly-once', 'commit'],
  ['at-least-once', 'commit offsets'],
])('%s, fenced at "%s": the member gives up all tasks, opens none by itself, and joins again', async (guarantee, call) => {
  const { broker, line } = await laid()
  const engine = await joined(plan, { broker: line.broker, guarantee })
  await take(engine)
  line.calls.length = 0
  line.failOnce(call, 1, fenced)
  const commit = engine.commitDue(true)
  // A new member's assignment opens them, not the commit: a task that opens its producer by itself would fence its new owner.
  line.after = made => {
    if (made === 'leave') expect(engine.tasks).toEqual([])
  }
  await commit
  expect(line.calls).toContain('leave')
  await until('it has its tasks again', () => engine.tasks.length === 2)
  await take(engine)
  await engine.commitDue(true)
  const values = (await read(broker, 'out')).map(({ value }) => value)
  if (guarantee === 'exactly-once') expect(values).toHaveLength(20)
  else expect(new Set(values).size).toBe(10)
  expect([await committed(broker, 'seat', 'in'), broker.loans]).toEqual([10, 0])
  await engine.close()
})

it('is bounded: who is fenced at every commit stops', async () => {
  const { line } = await laid()
  const running = app(plan, { broker: line.broker, guarantee: 'exactly-once', commitIntervalMs: 1 })
  running.done.catch(() => {})
  line.before = call => {
    if (call === 'commit') throw fenced
  }
  await running.start()
  await expect(running.done).rejects.toBe(fenced)
})

it('a loss that nobody can mend stops the application', async () => {
  const { line } = await laid()
  const running = app(plan, { broker: line.broker })
  running.done.catch(() => {})
  await running.start()
  const forbidden = new BrokerError('GROUP_AUTHORIZATION_FAILED', 'this user may not read the group', { fatal: true })
  await line.lose(forbidden)
  await expect(running.done).rejects.toBe(forbidden)
})

it('a broker that cannot be fetched from is borne, told of once, and for a limited time', async () => {
  const { line } = await laid()
  const clock = new FakeClock(0)
  const told: AppEvent[] = []
  const engine = await joined(plan, { broker: line.broker, clock, limits: { brokerAwayMs: 100 }, log: event => told.push(event) })
  told.length = 0
  line.before = call => {
    if (call === 'poll') throw away
  }
  for (let i = 0; i < 3; i++) {
    await engine.fetch(0)
    clock.advance(50)
  }
  expect(told.map(({ level }) => level)).toEqual(['warn'])
  await expect(engine.fetch(0)).rejects.toBe(away)
  line.before = () => {}
  await engine.fetch(0)
  expect(told.map(({ level, message }) => [level, message])[1]).toEqual(['info', 'the broker answers again'])
  await take(engine)
  await engine.close()
})

it('tells for how long the broker has not answered', async () => {
  const { line } = await laid()
  const running = app(plan, { broker: line.broker })
  await running.start()
  const gate = Promise.withResolvers<void>()
  await until('it has answered', () => running.unansweredMs === 0 && running.metrics().lag.length === 2)
  line.before = call => (call === 'offsets' ? gate.promise : undefined)
  await until('it does not answer', () => running.unansweredMs > 100)
  line.before = () => {}
  gate.resolve()
  await until('it answers again', () => running.unansweredMs === 0)
  await running.stop()
})

/** A broker whose group says what the test says, through what it gives back. */
function told(broker: Broker) {
  let group!: GroupCallbacks
  const join: Broker['join'] = (options, on) => {
    group = on
    return broker.join(options, on)
  }
  return { broker: { ...broker, join }, group: () => group }
}

it.each<[string, SeatHome['between']]>([
  ['at once', work => work()],
  ['in the next step', work => new Promise<void>(resolve => setImmediate(resolve)).then(work)],
])('takes everything that the group says, whenever it says it; %s', async (_, between) => {
  const { broker, group } = told((await laid()).broker)
  for (let turns = 0; turns < 30; turns++) {
    const taken: string[] = []
    const seat = new Seat({
      broker,
      group: { group: 'seat', topics: [] },
      between,
      lost: () => {},
      work: {
        expect: partitions => void taken.push(`expect ${partitions.length}`),
        open: async () => {},
        revoke: async () => void taken.push('revoke'),
        lose: async () => {},
      },
    })
    await seat.join()
    taken.length = 0
    const partitions = [{ topic: 'in', partition: 0 }]
    const given = group().revoked(partitions)
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    await group().assigned(partitions)
    await given
    await until('all is taken', () => taken.length === 2)
    expect(taken).toEqual(['revoke', 'expect 1'])
    await seat.leave()
  }
})

it('at least once, what could not be sent is not committed by who gives it up while another task goes back', async () => {
  const { broker, line } = await laid()
  const { broker: way, group } = told(line.broker)
  let failing = 0
  // What could not be sent in time is thrown away, and told once.
  const producer: Broker['producer'] = async options => {
    const real = await way.producer(options)
    const waiting: (() => void)[] = []
    const flush = async (): Promise<void> => {
      const sent = waiting.splice(0)
      if (sent.length > 0 && failing-- > 0) throw new BrokerError('NOT_ENOUGH_REPLICAS', 'too few are there', { retriable: true })
      for (const send of sent) send()
      await real.flush()
    }
    return {
      bufferedBytes: 0,
      partition: at => ({ append: (...record) => void waiting.push(() => real.partition(at).append(...record)) }),
      flush,
      sendOffsets: (member, offsets) => real.sendOffsets(member, offsets),
      commit: () => real.commit(),
      abort: () => real.abort(),
      close: () => real.close(),
    }
  }
  const engine = new Engine(plan, settings({ broker: { ...way, producer }, guarantee: 'at-least-once' }))
  const steps: (() => void)[] = []
  let between: SeatHome['between'] = work => work()
  await engine.join(
    work => between(work),
    () => {},
  )
  between = work => new Promise((resolve, reject) => void steps.push(() => void work().then(resolve, reject)))
  await take(engine)
  failing = 2
  const given = group().revoked([{ topic: 'in', partition: 1 }])
  await engine.commitDue(true)
  await given
  expect(await committed(broker, 'seat', 'in', 1)).toBeUndefined()
  expect(engine.tasks.map(task => task.partition)).toEqual([0])
  for (const step of steps) step()
  await engine.close()
})
