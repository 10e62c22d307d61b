import { type EmbeddedBroker, embedded } from '@riacho/embedded'
import { count, mapAsync, reduce, text, to, topic, topology, toStream, tumbling } from '@riacho/streams'
import { type Broker, BrokerError } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { type App, app } from '../app.ts'
import { Line } from '../line.fixture.ts'
import type { AppOptions } from '../options.ts'
import { joined, read, take, until, write } from '../trial.fixture.ts'

const partitions = 4
const keys = Array.from({ length: 12 }, (_, i) => `key${i}`)
const source = topic('in', { key: text, value: text })
const slow = mapAsync<string, string, string>(value => new Promise(resolve => setImmediate(() => resolve(value))), { heldMax: 64 })
const joinedUp = reduce<string, string>('sums', (sum, value) => `${sum} ${value}`, { value: text })
const plan = topology(
  'shared',
  source.pipe(slow, to('plain', { value: text })),
  source.pipe(joinedUp, toStream(), to('sums')),
  source.pipe(count('windows', { window: tumbling(1000, { grace: 10_000 }) }), toStream(), to('windows')),
)

async function laid(): Promise<Broker> {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'plain', 'sums', 'windows'].map(name => ({ name, partitions })))
  return broker
}

/** Writes records in portions, one every turn of the timers, until it is told to end. */
function load(broker: Broker) {
  let written = 0
  let ending = false
  const done = (async () => {
    while (!ending) {
      const portion = Array.from({ length: 40 }, (_, i) => {
        const n = written + i
        return { key: keys[n % keys.length]!, value: String(n), at: n, partition: n % partitions }
      })
      await write(broker, 'in', ...portion)
      written += portion.length
      await new Promise(resolve => setTimeout(resolve, 1))
    }
  })()
  return {
    get written() {
      return written
    },
    end: () => {
      ending = true
      return done
    },
  }
}

const options = (broker: Broker, guarantee: AppOptions['guarantee']): AppOptions => ({
  broker,
  guarantee: guarantee!,
  commitIntervalMs: 5,
  keepStreamTime: true,
})

/** What must stand in the outputs for `written` records: each value once, in its key's order. */
async function expectWhole(broker: Broker, written: number): Promise<void> {
  const plain = await read(broker, 'plain')
  expect(plain.map(row => Number(row.value)).sort((a, b) => a - b)).toEqual(Array.from({ length: written }, (_, i) => i))
  for (const key of keys) {
    const own = plain.filter(row => row.key === key).map(row => Number(row.value))
    expect(own).toEqual([...own].sort((a, b) => a - b))
    const sums = (await read(broker, 'sums')).filter(row => row.key === key).map(row => row.value)
    expect(sums).toEqual(own.map((_, i) => own.slice(0, i + 1).join(' ')))
  }
  expect((await read(broker, 'windows')).length).toBe(written)
}

it.each(['at-least-once', 'exactly-once'] as const)(
  '%s: a second member joins and leaves under load: nothing lost, nothing doubled',
  async guarantee => {
    const broker = await laid()
    const first = app(plan, options(broker, guarantee))
    await first.start()
    const input = load(broker)
    let taken = 0
    const owned = (running: App): number => running.metrics().lag.length
    for (let round = 0; round < 3; round++) {
      const second = app(plan, options(broker, guarantee))
      await second.start()
      const before = second.metrics().recordsIn
      await until('the second works', () => second.metrics().recordsIn > before + 20 && owned(second) === 2)
      await second.stop()
      taken += second.metrics().recordsIn
      const alone = first.metrics().recordsIn
      await until('the first goes on', () => first.metrics().recordsIn > alone + 20)
    }
    await input.end()
    await first.untilEnd()
    await first.stop()
    await expectWhole(broker, input.written)
    // A hand-over commits: nobody takes a record that another has taken.
    expect(taken + first.metrics().recordsIn).toBe(input.written)
  },
)

it('exactly once: a member that is cut off in its work is replaced: nothing lost, nothing doubled', async () => {
  const broker = await laid()
  const first = app(plan, options(broker, 'exactly-once'))
  await first.start()
  const input = load(broker)
  for (let round = 0; round < 3; round++) {
    const line = new Line(broker)
    const second = app(plan, options(line.broker, 'exactly-once'))
    second.done.catch(() => {})
    await second.start()
    await until('the second works', () => second.metrics().recordsIn > 20 + round * 7)
    await line.cut()
    await until('the second has ended', () => second.state === 'ERROR')
  }
  await input.end()
  await first.untilEnd()
  await first.stop()
  await expectWhole(broker, input.written)
})

it('exactly once: a member that the group has given up, and that does not know, writes nothing that counts, and joins again', async () => {
  const broker = await laid()
  const line = new Line(broker)
  const zombie = app(plan, options(line.broker, 'exactly-once'))
  zombie.done.catch(() => {})
  await zombie.start()
  const input = load(broker)
  await until('the first works', () => zombie.metrics().recordsIn > 100)
  const second = app(plan, options(broker, 'exactly-once'))
  await line.outlive()
  await second.start()
  await until('the second works', () => second.metrics().recordsIn > 100)
  const before = zombie.metrics()
  await until('the first has work again', () => zombie.metrics().recordsIn > before.recordsIn + 100 && zombie.metrics().lag.length === 2)
  expect(zombie.metrics().recoveries).toBeGreaterThan(0)
  await input.end()
  await Promise.all([zombie.untilEnd(), second.untilEnd()])
  await Promise.all([zombie.stop(), second.stop()])
  await expectWhole(broker, input.written)
})

it.each(['at-least-once', 'exactly-once'] as const)(
  '%s: what a member is told that it has lost it closes without a commit',
  async guarantee => {
    const broker = await laid()
    const line = new Line(broker)
    const loser = app(plan, { ...options(line.broker, guarantee), commitIntervalMs: 60_000 })
    await loser.start()
    const input = load(broker)
    await until('it works', () => loser.metrics().recordsIn > 100)
    await input.end()
    line.calls.length = 0
    await line.lose(new BrokerError('UNKNOWN_MEMBER_ID', 'somebody else has them', { fenced: true }))
    await until('it has closed its tasks', () => loser.metrics().lag.length === 0 && loser.metrics().held === 0)
    const next = app(plan, options(broker, guarantee))
    await next.start()
    await next.untilEnd()
    await next.stop()
    await loser.stop()
    expect(line.calls.filter(call => call.startsWith('commit'))).toEqual([])
    await expectWhole(broker, input.written)
    expect((broker as EmbeddedBroker).loans).toBe(0)
  },
)

it('a hand-over between reading and processing loses nothing, whenever it comes', async () => {
  const broker = await laid()
  const records = Array.from({ length: 400 }, (_, n) => ({
    key: keys[n % keys.length]!,
    value: String(n),
    at: n,
    partition: n % partitions,
  }))
  await write(broker, 'in', ...records)
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic: 'in', partition }))
  const engine = await joined(plan, { broker, guarantee: 'exactly-once', keepStreamTime: true })
  for (let round = 0; round < 60; round++) {
    if (round % 3 > 0) await engine.fetch(0)
    if (round % 3 > 1) for (const task of engine.tasks) task.run(round % 7, Number.POSITIVE_INFINITY)
    const gone = all.slice(round % partitions, (round % partitions) + 2)
    await engine.revoke(gone)
    for (const task of engine.tasks) expect(gone.some(at => at.partition === task.partition)).toBe(false)
    engine.expect(gone)
    await engine.open()
  }
  await take(engine)
  await engine.commitDue(true)
  await engine.close()
  await expectWhole(broker, 400)
})

it('what it cannot abort any more, because another has it, does not stop a member that has lost it', async () => {
  const broker = await laid()
  const line = new Line(broker)
  const loser = app(plan, { ...options(line.broker, 'exactly-once'), commitIntervalMs: 60_000 })
  await write(broker, 'in', { key: 'key0', value: '0', at: 0 })
  await loser.start()
  await until('it works', () => loser.metrics().recordsIn === 1 && loser.metrics().held === 0)
  const next = app(plan, options(broker, 'exactly-once'))
  const lost = line.lose(new BrokerError('UNKNOWN_MEMBER_ID', 'somebody else has them', { fenced: true }))
  await next.start()
  await lost
  await next.untilEnd()
  expect([loser.state, next.state]).toEqual(['RUNNING', 'RUNNING'])
  await Promise.all([loser.stop(), next.stop()])
  await expectWhole(broker, 1)
})

it('a failure to close what is lost is said, and stops nothing', async () => {
  const broker = await laid()
  const line = new Line(broker)
  const said: string[] = []
  const loser = app(plan, { ...options(line.broker, 'exactly-once'), log: ({ level, message }) => level === 'warn' && said.push(message) })
  await loser.start()
  line.before = call => {
    if (call === 'abort') throw new BrokerError('UNREACHABLE', 'the broker is away')
  }
  await line.lose(new BrokerError('UNKNOWN_MEMBER_ID', 'somebody else has them', { fenced: true }))
  await until('it is said', () => said.length === 2)
  expect([said[0], said[1]]).toEqual(['partitions lost', expect.stringContaining('the broker is away')])
  expect(loser.state).toBe('RUNNING')
  await loser.stop()
})
