import { embedded } from '@riacho/embedded'
import { count, mapValues, rekey, repartition, type Stream, selectKey, text, to, topic, topology, toStream } from '@riacho/streams'
import { type Admin, type Broker, partitionOf } from '@riacho/streams/engine'
import { describe, expect, it } from 'vitest'
import { app } from '../app.ts'
import { Gate, joined, read, take, write } from '../trial.fixture.ts'
import { ChosenTopics } from './chosen-topics.ts'

const source = topic('in', { key: text, value: text })

async function laid(partitions: number) {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out', 'dead'].map(name => ({ name, partitions })))
  return broker
}

it('a repartition moves each record to its key’s partition and drops null keys', async () => {
  const broker = await laid(3)
  const words = source.pipe(
    rekey('word', value => (value === '' ? null : value) as string),
    count('words'),
    toStream(),
    to('out'),
  )
  const given = ['red', 'blue', '', 'red', 'green', '', 'blue', 'red']
  await write(broker, 'in', ...given.map((value, i) => ({ key: 'k', value, partition: i % 3, at: i })))
  const running = app(topology('moved', words), { broker, guarantee: 'exactly-once' })
  await running.start()
  await running.untilEnd()
  const { dropped } = running.metrics()
  await running.stop()
  const moved = await read(broker, 'moved-word-repartition')
  expect(moved.map(row => row.key).sort()).toEqual(given.filter(value => value !== '').sort())
  for (const row of moved) expect(row.partition).toBe(partitionOf(Buffer.from(row.key!), 3))
  const counts = new Map((await read(broker, 'out')).map(row => [row.key, Buffer.from(row.value!).at(-1)]))
  expect([Object.fromEntries(counts), dropped]).toEqual([{ red: 3, blue: 2, green: 1 }, {}])
})

it('null keys go to partitions in turn, keys to their own', async () => {
  const broker = await laid(3)
  await write(broker, 'in', ...Array.from({ length: 9 }, (_, i) => ({ key: i < 6 ? null : 'same', value: String(i) })))
  const engine = await joined(topology('turns', source.pipe(to('out'))), { broker })
  await take(engine)
  await engine.commitDue(true)
  const rows = await read(broker, 'out')
  expect([0, 1, 2].map(partition => rows.filter(row => row.partition === partition && row.key === null).length)).toEqual([2, 2, 2])
  expect(new Set(rows.filter(row => row.key === 'same').map(row => row.partition)).size).toBe(1)
  await engine.close()
})

it('a chosen partition goes there, a list to each of them, an empty one nowhere, undefined where keys go', async () => {
  const broker = await laid(3)
  const choices: Readonly<Record<string, number | number[] | undefined>> = { one: 2, list: [2, 0, 2], none: [], usual: undefined }
  await write(broker, 'in', ...Object.keys(choices).map((value, at) => ({ key: 'same', value, at })))
  const plan = topology('chosen', source.pipe(to('out', { partition: ({ value }) => choices[value]! })))
  const engine = await joined(plan, { broker })
  await take(engine)
  await engine.commitDue(true)
  const rows = (await read(broker, 'out')).map(({ value, partition }) => `${value} ${partition}`)
  expect(rows.sort()).toEqual(['list 0', 'list 2', 'one 2', `usual ${partitionOf(Buffer.from('same'), 3)}`])
  expect([engine.counters.dropped, engine.counters.recordsOut]).toEqual([{ 'no-partition': 1 }, 4])
  await engine.close()
})

it('a topic with one partition is asked for, too', async () => {
  const broker = await laid(1)
  await write(broker, 'in', { key: 'k', value: 'v' })
  const engine = await joined(topology('one', source.pipe(to('out', { partition: () => [] }))), { broker })
  await take(engine)
  await engine.commitDue(true)
  expect([await read(broker, 'out'), engine.counters.dropped]).toEqual([[], { 'no-partition': 1 }])
  await engine.close()
})

it('a repartition goes where it is told', async () => {
  const broker = await laid(3)
  await write(broker, 'in', ...['a', 'bb', 'ccc', 'dddd'].map((value, at) => ({ key: 'k', value, at })))
  const words = source.pipe(
    rekey('word', value => value, { partition: ({ key }, n) => key.length % n }),
    count('words'),
    toStream(),
    to('out'),
  )
  const engine = await joined(topology('moved', words), { broker, guarantee: 'exactly-once' })
  await take(engine)
  await engine.commitDue(true)
  const moved = await read(broker, 'moved-word-repartition')
  expect(moved.map(({ key, partition }) => `${key} ${partition}`)).toEqual(['ccc 0', 'a 1', 'dddd 1', 'bb 2'])
  await engine.close()
})

const five = mapValues<string, string, string>(value => (value === 'bad' ? (5 as never) : value))
const longer = (value: string): string => (value === 'bad' ? 'bad'.repeat(500) : value)
const thrower = (): never => {
  throw new Error('no')
}
type Options = NonNullable<Parameters<typeof to<string, string>>[1]>
/** Sinks that cannot write the record whose value is 'bad'. */
const broken: Readonly<Record<string, readonly [code: string, reason: string, end: (options: Options) => Stream<never>]>> = {
  'a key that its serde refuses': [
    'RIACHO_ENCODE',
    'a key for out cannot be encoded',
    options =>
      source.pipe(
        selectKey(value => (value === 'bad' ? (5 as never) : value)),
        to('out', { ...options, value: text }),
      ),
  ],
  'a value that its serde refuses': [
    'RIACHO_ENCODE',
    'a value for out cannot be encoded',
    options => source.pipe(five, to('out', { ...options, value: text })),
  ],
  'a partition that does not exist': [
    'RIACHO_PROCESSING',
    'it chose 2 of partitions 0 to 1',
    options => source.pipe(to('out', { ...options, partition: ({ value }) => (value === 'bad' ? 2 : 0) })),
  ],
  'a list with one that does not exist': [
    'RIACHO_PROCESSING',
    'it chose 7 of partitions 0 to 1',
    options => source.pipe(to('out', { ...options, partition: ({ value }) => (value === 'bad' ? [0, 7] : [0]) })),
  ],
  'a partition function that throws': [
    'RIACHO_PROCESSING',
    'chooses a partition of out failed: no',
    options => source.pipe(to('out', { ...options, partition: ({ value }) => (value === 'bad' ? thrower() : 0) })),
  ],
  'a topic function that throws': [
    'RIACHO_PROCESSING',
    'chooses a topic failed: no',
    options => source.pipe(to(({ value }) => (value === 'bad' ? thrower() : 'out'), options)),
  ],
  'too many bytes': [
    'RIACHO_TOO_LARGE',
    'limits.recordBytesMax is 1000',
    options => source.pipe(mapValues(longer), to('out', { ...options, value: text })),
  ],
  'a key that a repartition cannot write': [
    'RIACHO_ENCODE',
    'a value for broken-r-repartition cannot be encoded',
    ({ onError }) => source.pipe(five, repartition('r', { value: text, ...(onError && { onError }) }), to('out', { value: text })),
  ],
  'a value of a topic that is not known yet': [
    'RIACHO_ENCODE',
    'a value for out-2 cannot be encoded',
    options =>
      source.pipe(
        five,
        to(({ value }) => (value === 'late' ? 'out' : 'out-2'), { ...options, value: text }),
      ),
  ],
}

describe.each(Object.entries(broken))('%s', (_name, [code, reason, end]) => {
  const given = ['first', 'bad', 'late', 'last'].map((value, at) => ({ key: 'k', value, at }))

  async function played(options: Options) {
    const broker = await laid(2)
    await broker.admin.createTopics([{ name: 'out-2', partitions: 2 }])
    await write(broker, 'in', ...given)
    const engine = await joined(topology('broken', end(options)), { broker, guarantee: 'exactly-once', limits: { recordBytesMax: 1000 } })
    for (let i = 0; i < 3; i++) {
      await take(engine)
      await engine.commitDue(true)
    }
    const written = [...(await read(broker, 'out')), ...(await read(broker, 'out-2'))].map(row => row.value)
    const letters = await read(broker, 'dead')
    const { dropped } = engine.counters
    const failure = engine.failure
    await engine.close()
    return { written: written.sort(), letters, dropped, failure }
  }

  it('stops the task with the reason and the place', async () => {
    await expect(played({})).rejects.toMatchObject({
      code,
      message: expect.stringContaining(reason),
      place: { node: expect.any(String), topic: 'in', partition: 0, offset: 1 },
    })
  })

  it('is left out', async () => {
    expect(await played({ onError: 'skip' })).toMatchObject({ written: ['first', 'last', 'late'], dropped: { processing: 1 } })
  })

  it('becomes a dead letter that holds the record as it came', async () => {
    const { written, letters } = await played({ onError: { deadLetter: 'dead' } })
    expect(written).toEqual(['first', 'last', 'late'])
    expect(letters).toMatchObject([{ key: 'k', value: 'bad', timestamp: 1 }])
    const headers = Object.fromEntries(letters[0]!.headers.map(([name, value]) => [name, String(value)]))
    expect(Object.values(headers)).toEqual(expect.arrayContaining([code, expect.stringContaining(reason), 'in', '1']))
  })
})

it('a record with exactly recordBytesMax bytes is written, in any alphabet', async () => {
  const broker = await laid(1)
  const fits = ['x'.repeat(99), 'é'.repeat(49), '中'.repeat(33)]
  await write(broker, 'in', ...fits.flatMap(value => [value, `${value}${value.slice(0, 1)}`]).map(value => ({ key: 'k', value })))
  const plan = topology('fits', source.pipe(to('out', { onError: 'skip' })))
  const engine = await joined(plan, { broker, limits: { recordBytesMax: 100 } })
  await take(engine)
  await engine.commitDue(true)
  expect((await read(broker, 'out')).map(row => row.value)).toEqual(fits)
  expect(engine.counters.dropped).toEqual({ processing: 3 })
  await engine.close()
})

it('a dead letter of a derived record that cannot be written holds the record that it was made of', async () => {
  const broker = await laid(1)
  await write(broker, 'in', { key: 'k', value: 'v', at: 7 })
  const counted = source.pipe(count('n'), toStream(), to('out', { value: text as never, onError: { deadLetter: 'dead' } }))
  const engine = await joined(topology('derived', counted), { broker })
  await take(engine)
  await engine.commitDue(true)
  expect(await read(broker, 'dead')).toMatchObject([{ key: 'k', value: 'v', timestamp: 7 }])
  await engine.close()
})

it('a chosen topic that does not exist stops the task, whatever its policy', async () => {
  const broker = await laid(1)
  await write(broker, 'in', { key: 'k', value: 'v' })
  const plan = topology('missing', source.pipe(to(() => 'nowhere', { onError: 'skip' })))
  const engine = await joined(plan, { broker })
  const stopped = async () => {
    for (let i = 0; i < 10; i++) await take(engine)
  }
  await expect(stopped()).rejects.toMatchObject({ code: 'RIACHO_TOPIC_MISSING', message: expect.stringContaining('nowhere') })
  await engine.close()
})

it('dead letters without a key go to partitions in turn, too', async () => {
  const broker = await laid(3)
  const broken = mapValues<string, string, string>(
    () => {
      throw new Error('no')
    },
    { onError: { deadLetter: 'dead' } },
  )
  await write(broker, 'in', ...Array.from({ length: 6 }, (_, i) => ({ key: null, value: String(i) })))
  const engine = await joined(topology('letters', source.pipe(broken)), { broker })
  await take(engine)
  await engine.commitDue(true)
  const rows = await read(broker, 'dead')
  expect([0, 1, 2].map(partition => rows.filter(row => row.partition === partition).length)).toEqual([2, 2, 2])
  await engine.close()
})

it('a chosen topic has the partitions that the broker says, and keeps the order of a key', async () => {
  const broker = await laid(3)
  await broker.admin.createTopics([{ name: 'chosen', partitions: 4 }])
  const given = Array.from({ length: 40 }, (_, i) => ({ key: `k${i % 8}`, value: String(i) }))
  await write(broker, 'in', ...given)
  const running = app(topology('choosing', source.pipe(to(({ value }) => (Number(value) % 2 === 0 ? 'chosen' : 'out')))), {
    broker,
    guarantee: 'exactly-once',
  })
  await running.start()
  await running.untilEnd()
  await running.stop()
  const rows = await read(broker, 'chosen')
  expect(rows).toHaveLength(20)
  for (const row of rows) expect(row.partition).toBe(partitionOf(Buffer.from(row.key!), 4))
  for (const key of ['k0', 'k2', 'k4', 'k6']) {
    const numbers = rows.filter(row => row.key === key).map(row => Number(row.value))
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  }
})

it('no record of a chosen topic overtakes one that waits, though another task knows the topic already', async () => {
  const broker = await laid(2)
  await broker.admin.createTopics([{ name: 'chosen', partitions: 1 }])
  const gates: Gate[] = []
  const admin: Admin = {
    createTopics: topics => broker.admin.createTopics(topics),
    offsets: of => broker.admin.offsets(of),
    committed: (group, of) => broker.admin.committed(group, of),
    deleteRecords: before => broker.admin.deleteRecords(before),
    partitions: async topics => {
      if (topics[0] === 'chosen') await gates[gates.push(new Gate()) - 1]!.opened
      return broker.admin.partitions(topics)
    },
  }
  const slow: Broker = {
    admin,
    join: (group, on) => broker.join(group, on),
    fetcher: options => broker.fetcher(options),
    producer: options => broker.producer(options),
    close: () => broker.close(),
  }
  const engine = await joined(topology('overtaking', source.pipe(to(() => 'chosen'))), { broker: slow })
  for (const turn of [1, 2]) {
    await write(broker, 'in', { key: 'a', value: `a${turn}`, partition: 0 }, { key: 'b', value: `b${turn}`, partition: 1 })
    await take(engine)
    gates[turn - 1]!.open()
    await new Promise(resolve => setImmediate(resolve))
  }
  await engine.commitDue(true)
  const written = (await read(broker, 'chosen')).map(row => row.value)
  expect([gates.length, ...['a', 'b'].map(key => written.filter(value => value?.startsWith(key)))]).toEqual([2, ['a1', 'a2'], ['b1', 'b2']])
  await engine.close()
})

it('who waits for a topic that cannot be asked for waits no longer', async () => {
  const topics = new ChosenTopics(
    () => Promise.reject(new Error('away')),
    () => {},
  )
  topics.wait('t', () => {})
  await topics.progress()
})

it('stops feeding at waitingMax records whose topic is not known yet, and stops the task when it cannot be asked for', async () => {
  const failures: unknown[] = []
  const topics = new ChosenTopics(
    () => Promise.reject(new Error('away')),
    error => failures.push(error),
  )
  for (let i = 0; i < 999; i++) topics.wait('t', () => {})
  expect(topics.full).toBe(false)
  topics.wait('t', () => {})
  expect(topics.full).toBe(true)
  await new Promise(resolve => setImmediate(resolve))
  expect(failures).toMatchObject([{ message: 'away' }])
})

it('a function that chooses no topic stops the task with the reason', async () => {
  const broker = await laid(1)
  await write(broker, 'in', { key: 'k', value: 'v' })
  const engine = await joined(topology('none', source.pipe(to(() => undefined as unknown as string))), { broker })
  await expect(take(engine)).rejects.toMatchObject({ code: 'RIACHO_PROCESSING', message: expect.stringContaining("return a topic's name") })
  await engine.close()
})
