import {
  type AsyncOptions,
  count,
  flatMap,
  json,
  mapAsync,
  mapValues,
  persist,
  type Sink,
  SinkError,
  type StreamRecord,
  text,
  to,
  topic,
  topology,
  toStream,
  tumbling,
} from '@riacho/streams'
import { type Headers, readDeadLetter } from '@riacho/streams/engine'
import { type TestDriver, testDriver } from '@riacho/testing'
import { afterEach, describe, expect, it } from 'vitest'

let driver: TestDriver
afterEach(() => driver.close())

const source = topic('in', { key: text, value: text })
const retry = (...delays: number[]): AsyncOptions => ({
  retry: { retriesMax: delays.length, topics: { name: 'later', delays } },
  onError: { deadLetter: 'dead' },
})
const headerOf = (headers: Headers, name: string): string | undefined => headers.find(([found]) => found === name)?.[1]?.toString()

/** A sink that fails what it is told to, and keeps what it was shown. */
class Fragile implements Sink<string, string> {
  readonly name = 'fragile'
  readonly idempotent = true
  failing: (value: string) => Error | undefined = () => undefined
  readonly seen: { readonly value: string; readonly count: string | undefined; readonly place: string }[] = []

  async write(
    batch: readonly StreamRecord<string, string | null>[],
    _signal: AbortSignal,
    places?: Parameters<Sink<string, string>['write']>[2],
  ): Promise<void> {
    const failures = new Map<number, SinkError>()
    for (const [i, { value, headers }] of batch.entries()) {
      const at = places?.position(i)
      this.seen.push({ value: value!, count: headerOf(headers, 'RetryCount'), place: `${at?.topic}/${at?.offset}/${places?.nth(i)}` })
      const error = this.failing(value!)
      if (error !== undefined) failures.set(i, error instanceof SinkError ? error : new SinkError('transient', error.message))
    }
    if (failures.size > 0) throw new SinkError('transient', 'some were refused', { failures })
  }
}

async function pipe(key: string, value: string, timestamp = 0, headers: Headers = []): Promise<void> {
  await driver.pipe('in', { key: Buffer.from(key), value: Buffer.from(value), timestamp, headers })
}
const sentTo = (name: string) => driver.sent().filter(each => each.topic === name)
const told = (values: readonly { readonly value: Uint8Array | null }[]): string[] =>
  values.map(({ value }) => Buffer.from(value!).toString())

describe('a record that failed', () => {
  it('waits in a topic for each delay, and then is a dead letter with its whole context', async () => {
    const sink = new Fragile()
    sink.failing = value => (value === 'bad!' ? new Error(`refused ${sink.seen.length}`) : undefined)
    const plan = topology(
      'app',
      source.pipe(
        mapValues(value => `${value}!`),
        persist(sink, retry(100, 1000)),
        to('out'),
      ),
    )
    driver = await testDriver(plan, { wallClock: 5000 })
    const trace = [['trace', Buffer.from('t')]] as const
    await pipe('k', 'bad', 7, trace)
    const [first] = sentTo('app-later-retry-1')
    expect([...told([{ value: first!.key }, first!]), first!.timestamp]).toEqual(['k', '"bad!"', 7])
    expect(headerOf(first!.headers, 'RetryCount')).toBe('1')
    expect(Number(headerOf(first!.headers, '__riacho.retry.not-before'))).toBeGreaterThanOrEqual(5100)
    await driver.advance(99)
    expect(sink.seen).toHaveLength(1)
    await driver.advance(1)
    expect(sink.seen).toHaveLength(2)
    expect(sentTo('app-later-retry-2')).toHaveLength(1)
    await driver.advance(999)
    expect(sink.seen).toHaveLength(2)
    await driver.advance(1)
    expect(sink.seen.map(({ count }) => count)).toEqual([undefined, '1', '2'])
    expect(new Set(sink.seen.map(({ place }) => place))).toEqual(new Set(['in/0/0']))
    const [letter] = sentTo('dead')
    expect(headerOf(letter!.headers, 'RetryCount')).toBe('2')
    const { stage, ...why } = readDeadLetter(letter!.key, letter!.value, letter!.headers)
    expect(why).toEqual({
      code: 'RIACHO_ASYNC',
      reason: 'refused 3',
      node: 'fragile',
      topic: 'in',
      partition: 0,
      offset: 0,
      timestamp: 7,
      attempts: 3,
      firstFailure: 5000,
      original: { key: new Uint8Array(Buffer.from('k')), value: new Uint8Array(Buffer.from('bad')), headers: trace },
    })
    expect([stage?.topic, stage?.partition, ...told([stage!])]).toEqual(['app-later-retry-1', 0, '"bad!"'])
    await driver.advance(100_000)
    expect(sink.seen).toHaveLength(3)
  })

  it('is passed by later records of its key, and goes on as if nothing had been', async () => {
    const sink = new Fragile()
    sink.failing = value => (value === 'slow' ? new Error('no') : undefined)
    driver = await testDriver(topology('app', source.pipe(persist(sink, retry(100)), to('out'))))
    await pipe('k', 'slow', 1, [['trace', Buffer.from('t')]])
    await pipe('k', 'next', 2)
    expect(told(sentTo('out'))).toEqual(['next'])
    sink.failing = () => undefined
    await driver.advance(100)
    const [late] = sentTo('out')
    expect([...told([late!]), late!.timestamp, late!.headers]).toEqual(['slow', 1, [['trace', Buffer.from('t')]]])
  })

  it('keeps apart what one input record led to', async () => {
    const sink = new Fragile()
    sink.failing = value => (value === 'b' && sink.seen.length < 4 ? new Error('no') : undefined)
    const split = flatMap((value: string) => [...value].map(letter => [letter, letter] as const), { key: text, value: text })
    driver = await testDriver(topology('app', source.pipe(split, persist(sink, retry(10)), to('out'))))
    await pipe('k', 'abc')
    await driver.advance(10)
    expect(sink.seen.filter(({ value }) => value === 'b').map(({ place }) => place)).toEqual(['in/0/1', 'in/0/1'])
  })

  it('that no try can help does not wait', async () => {
    const sink = new Fragile()
    sink.failing = () => new SinkError('poison', 'never')
    driver = await testDriver(topology('app', source.pipe(persist(sink, retry(100)), to('out'))))
    await pipe('k', 'v')
    expect([sink.seen.length, sentTo('dead').length]).toEqual([1, 1])
  })

  it('has its first retries in place', async () => {
    const sink = new Fragile()
    sink.failing = () => new Error('no')
    const options: AsyncOptions = {
      retry: { retriesMax: 5, backoff: { min: 1, max: 2 }, topics: { name: 'later', delays: [100, 100] } },
      onError: 'skip',
    }
    driver = await testDriver(topology('app', source.pipe(persist(sink, options), to('out'))))
    await pipe('k', 'v')
    expect(sink.seen.map(({ count }) => count)).toEqual([undefined, '1', '2', '3'])
    await driver.advance(100)
    await driver.advance(100)
    expect(sink.seen.map(({ count }) => count)).toEqual([undefined, '1', '2', '3', '4', '5'])
    expect(driver.dropped()).toMatchObject({ processing: 1 })
  })

  it('that cannot be written to its topic is given up at once, and says both', async () => {
    const work = mapAsync(async (): Promise<string> => {
      throw new Error('no answer')
    }, retry(100))
    const plan = topology(
      'app',
      source.pipe(
        mapValues(value => BigInt(value)),
        work,
        to('out', { value: text }),
      ),
    )
    driver = await testDriver(plan)
    await pipe('k', '1')
    const [letter] = sentTo('dead')
    const { reason, stage } = readDeadLetter(letter!.key, letter!.value, letter!.headers)
    expect([reason, stage]).toEqual([expect.stringMatching(/no answer.*cannot wait in a topic.*BigInt/), undefined])
  })

  it('before there was a dead letter topic becomes a letter all the same', async () => {
    const sink = new Fragile()
    sink.failing = () => new Error('no')
    const end = (options: AsyncOptions) => topology('app', source.pipe(persist(sink, options), to('out')))
    driver = await testDriver(end({ ...retry(10), onError: 'skip' }))
    await pipe('k', 'v', 7, [['trace', Buffer.from('t')]])
    await driver.close()
    driver = await testDriver(end(retry(10)), { broker: driver.broker, wallClock: 10_000 })
    await driver.advance(0)
    const [letter] = sentTo('dead')
    const read = readDeadLetter(letter!.key, letter!.value, letter!.headers)
    expect(read).toMatchObject({ topic: 'in', offset: -1, timestamp: 7, attempts: 2 })
    expect([told([letter!]), read.original.headers]).toEqual([['v'], [['trace', Buffer.from('t')]]])
  })

  it('without a dead letter topic stops the application after its last try, and is tried again when it starts', async () => {
    const sink = new Fragile()
    sink.failing = () => new Error('no')
    const plan = topology(
      'app',
      source.pipe(persist(sink, { retry: { retriesMax: 1, topics: { name: 'later', delays: [10] } } }), to('out')),
    )
    driver = await testDriver(plan, { guarantee: 'exactly-once' })
    await pipe('k', 'v')
    await expect(driver.advance(10)).rejects.toMatchObject({ code: 'RIACHO_ASYNC', message: expect.stringContaining('after 2 tries') })
    await driver.close()
    const { broker } = driver
    sink.failing = () => undefined
    driver = await testDriver(plan, { guarantee: 'exactly-once', broker, wallClock: 10_000 })
    await driver.advance(0)
    expect([told(sentTo('out')), sink.seen.map(({ count }) => count)]).toEqual([['v'], [undefined, '1', '1']])
  })
})

it('null values and null keys come back as they were', async () => {
  const seen: unknown[] = []
  const work = mapAsync(async (value: string | null, { key, headers }: { key: string; headers: Headers }): Promise<string> => {
    seen.push([key, value])
    if (headerOf(headers, 'RetryCount') === undefined) throw new Error('no')
    return 'done'
  }, retry(10))
  driver = await testDriver(topology('app', topic('in', { key: text, value: text, nulls: 'keep' }).pipe(work, to('out', { value: text }))))
  await driver.pipe('in', { key: null, value: null, timestamp: 0 })
  await driver.advance(10)
  expect([seen, told(sentTo('out'))]).toEqual([
    [
      [null, null],
      [null, null],
    ],
    ['done'],
  ])
})

it('what comes back counts in the window of its time, while that is open', async () => {
  const sink = new Fragile()
  sink.failing = ({ length }) => (length > 1 && sink.seen.length < 3 ? new Error('no') : undefined)
  const window = tumbling(100, { grace: 1000 })
  const plan = topology('app', source.pipe(persist(sink, retry(10)), count('n', { window }), toStream(), to('out', { value: json() })))
  driver = await testDriver(plan)
  await pipe('k', 'late', 50)
  await pipe('k', 'a', 500)
  await driver.advance(10)
  expect(sentTo('out').map(({ timestamp }) => timestamp)).toEqual([500, 50])
})
