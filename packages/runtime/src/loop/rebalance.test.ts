import { embedded } from '@riacho/embedded'
import { count, mapAsync, reduce, text, to, topic, topology, toStream, tumbling } from '@riacho/streams'
import type { Broker } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { type App, app } from '../app.ts'
import { Line } from '../line.fixture.ts'
import type { AppOptions } from '../options.ts'
import { read, until, write } from '../trial.fixture.ts'

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
