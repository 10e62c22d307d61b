import { embedded } from '@riacho/embedded'
import { mapAsync, text, to, topic, topology } from '@riacho/streams'
import type { Broker } from '@riacho/streams/engine'
import { FakeClock } from '@riacho/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { app } from './app.ts'
import { Line } from './line.fixture.ts'
import { committed, joined, latest, read, take, until, values, write } from './trial.fixture.ts'

let broker: Broker
beforeEach(async () => {
  broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out', 'dead'].map(name => ({ name, partitions: 3 })))
})
afterEach(() => broker.close())

interface Tried {
  readonly value: string
  readonly count: number
  readonly at: number
}

/** What `fails` says of a value and its tries so far fails. */
function retried(delays: readonly number[], fails: (value: string, count: number) => boolean, tried: Tried[] = []) {
  const work = mapAsync(
    async (value: string, { headers }) => {
      const count = Number(headers.find(([name]) => name === 'RetryCount')?.[1] ?? 0)
      tried.push({ value, count, at: Date.now() })
      if (fails(value, count)) throw new Error('not yet')
      return value
    },
    { retry: { retriesMax: delays.length, topics: { name: 'later', delays } }, onError: { deadLetter: 'dead' } },
  )
  return topology('retried', topic('in', { key: text, value: text }).pipe(work, to('out', { value: text })))
}

const numbers = Array.from({ length: 90 }, (_, i) => String(i))
const input = numbers.map((value, i) => ({ key: `k${i % 9}`, value, at: i, partition: i % 3 }))
const always = (value: string): boolean => Number(value) % 10 === 7
const sometimes = (value: string): boolean => Number(value) % 10 === 3

it.each(['at-least-once', 'exactly-once'] as const)(
  '%s: stopped and started again at each step, each record has exactly its tries, none before its time',
  async guarantee => {
    const delays = [30, 60, 90]
    const tried: Tried[] = []
    const plan = retried(delays, (value, count) => always(value) || (sometimes(value) && count < 2), tried)
    await write(broker, 'in', ...input)
    const done = async (): Promise<number> => (await values(broker, 'out')).length + (await values(broker, 'dead')).length
    let starts = 0
    for (; (await done()) < numbers.length; starts++) {
      const before = tried.length
      const running = app(plan, { broker, guarantee, commitIntervalMs: 5 })
      await running.start()
      await until('another try', () => tried.length > before)
      await running.stop()
    }
    expect(starts).toBeGreaterThan(2)
    const of = Map.groupBy(tried, ({ value }) => value)
    for (const value of numbers) {
      const own = of.get(value)!
      const count = always(value) ? 4 : sometimes(value) ? 3 : 1
      expect(
        own.map(each => each.count),
        value,
      ).toEqual([0, 1, 2, 3].slice(0, count))
      for (let i = 1; i < count; i++) expect(own[i]!.at - own[i - 1]!.at, value).toBeGreaterThanOrEqual(delays[i - 1]!)
    }
    const sorted = (all: readonly (string | null)[]): number[] => all.map(Number).sort((a, b) => a - b)
    expect(sorted(await values(broker, 'out'))).toEqual(numbers.filter(value => !always(value)).map(Number))
    expect(sorted(await values(broker, 'dead'))).toEqual(numbers.filter(always).map(Number))
    // Each waits where its task is.
    for (const { value, partition } of await read(broker, 'retried-later-retry-1')) expect(Number(value) % 3).toBe(partition)
  },
)

it('while a record waits nobody asks for it again and again, its lag is told, and the rest goes on', async () => {
  const line = new Line(broker)
  let polls = 0
  line.before = call => {
    if (call === 'poll') polls++
  }
  const tried: Tried[] = []
  const plan = retried([1500], (value, count) => value === 'waits' && count === 0, tried)
  const running = app(plan, { broker: line.broker, commitIntervalMs: 10 })
  await running.start()
  await write(broker, 'in', { key: 'k', value: 'waits' }, { key: 'k', value: 'goes' })
  await until('the rest goes on', async () => (await values(broker, 'out')).length === 1)
  const before = polls
  const waiting = (): number => running.metrics().lag.find(({ topic, records }) => topic.includes('later') && records > 0)?.records ?? 0
  await until('the lag is told', () => waiting() === 1)
  await running.untilEnd()
  expect(await values(broker, 'out')).toEqual(['goes', 'waits'])
  // Each poll waits for 50 ms, unless it is woken.
  expect(polls - before).toBeLessThan(300)
  await running.stop()
})

it('the partition of what waits is paused, and goes on from there when it is due', async () => {
  const paused: string[] = []
  const clock = new FakeClock(1000)
  const watched: Broker = {
    ...broker,
    join: (group, on) => broker.join(group, on),
    producer: options => broker.producer(options),
    close: () => broker.close(),
    fetcher: options => {
      const fetcher = broker.fetcher(options)
      return {
        add: (at, offset) => fetcher.add(at, offset),
        remove: at => fetcher.remove(at),
        seek: (at, offset) => fetcher.seek(at, offset),
        poll: wait => fetcher.poll(wait),
        wake: () => fetcher.wake(),
        close: () => fetcher.close(),
        pause: at => {
          paused.push(`pause ${at.topic}-${at.partition}`)
          fetcher.pause(at)
        },
        resume: at => {
          paused.push(`resume ${at.topic}-${at.partition}`)
          fetcher.resume(at)
        },
      }
    },
  }
  const plan = retried([100], (_, count) => count === 0)
  const engine = await joined(plan, { broker: watched, clock, guarantee: 'exactly-once' })
  await write(broker, 'in', { key: 'a', value: '1', partition: 1 }, { key: 'b', value: '2', partition: 1 })
  const step = async (): Promise<void> => {
    await take(engine)
    await engine.commitDue(true)
    await take(engine)
    await engine.commitDue(true)
  }
  await step()
  await engine.fetch(0)
  expect(paused).toEqual(['pause retried-later-retry-1-1'])
  expect(await committed(broker, 'retried', 'retried-later-retry-1', 1)).toBe(0)
  clock.advance(100)
  await step()
  expect(await latest(broker, 'out')).toEqual({ a: '1', b: '2' })
  expect(paused).toEqual(['pause retried-later-retry-1-1', 'resume retried-later-retry-1-1'])
  await engine.close()
})

it('what a commit covers is deleted from the topics, and two members share what waits', async () => {
  await write(broker, 'in', ...input)
  const options = { broker, guarantee: 'exactly-once', commitIntervalMs: 5, limits: { repartitionPurgeMs: 1 } } as const
  const members = [1, 2].map(() =>
    app(
      retried([20, 20], value => always(value)),
      options,
    ),
  )
  await Promise.all(members.map(member => member.start()))
  await Promise.all(members.map(member => member.untilEnd()))
  expect((await values(broker, 'dead')).map(Number).sort((a, b) => a - b)).toEqual(numbers.filter(always).map(Number))
  const at = [0, 1, 2].flatMap(partition => [1, 2].map(n => ({ topic: `retried-later-retry-${n}`, partition })))
  await until('nothing is left', async () =>
    (await broker.admin.offsets(at)).every(({ start, highWatermark }) => start > 0 && start >= highWatermark - 1),
  )
  await Promise.all(members.map(member => member.stop()))
})

it('is refused when its topic has other partitions than its tasks', async () => {
  await broker.admin.createTopics([{ name: 'retried-later-retry-1', partitions: 2 }])
  const running = app(
    retried([10], () => false),
    { broker },
  )
  await expect(running.start()).rejects.toMatchObject({ code: 'RIACHO_TOPIC_PARTITIONS' })
})
