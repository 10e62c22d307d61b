import { embedded } from '@riacho/embedded'
import { type Broker, deadLetterHeaders, fittingLetter } from '@riacho/streams/engine'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { consume } from '../records/consume.ts'
import { listLetters } from './list.ts'
import { marksTopic } from './marks.ts'
import { purgeLetters } from './purge.ts'
import { replayedHeader, replayLetters } from './replay.ts'
import { showLetters } from './show.ts'

interface Given {
  readonly key: string | null
  readonly value: string
  readonly code?: string
  readonly source?: string
  readonly offset?: number
  readonly failedAt?: number
}

let broker: Broker
beforeEach(async () => {
  broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics([
    { name: 'orders', partitions: 3 },
    { name: 'dead', partitions: 2 },
  ])
})
afterEach(() => broker.close())

/** Writes dead letters, in turn to each partition. */
async function write(given: readonly Given[], to = broker): Promise<void> {
  const producer = await to.producer({})
  for (const [i, { key, value, code = 'X', source = 'orders', offset = i, failedAt = 1000 + i }] of given.entries()) {
    const original = {
      topic: source,
      partition: 2,
      offset,
      timestamp: 500 + i,
      key: null,
      value: null,
      headers: [['trace', Buffer.from('t')]] as const,
    }
    const failure = { code, reason: 'no', node: 'persist', attempts: 6, firstFailure: failedAt }
    producer.partition({ topic: 'dead', partition: i % 2 }).append(2000, key, value, deadLetterHeaders(original, failure))
  }
  await producer.flush()
  await producer.close()
}

interface Line {
  readonly partition: number
  readonly timestamp: string
  readonly key: unknown
  readonly value: unknown
  readonly headers: [string, string][]
}

async function lines(topic: string, from = broker): Promise<Line[]> {
  const found: Line[] = []
  await consume(from, { topic, untilEnd: true }, line => void found.push(JSON.parse(line) as Line))
  return found
}
const values = async (topic: string): Promise<unknown[]> => (await lines(topic)).map(({ value }) => value).sort()

async function shown(filter: Parameters<typeof showLetters>[2] = {}): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = []
  await showLetters(broker, 'dead', filter, async line => void found.push(JSON.parse(line) as Record<string, unknown>))
  return found
}

const none = { replayed: 0, before: 0, homeless: 0, lost: 0, cut: 0 }

it('lists letters by what they have in common', async () => {
  await write([
    { key: 'a', value: '1' },
    { key: 'b', value: '2', code: 'Y' },
    { key: 'c', value: '3' },
  ])
  await replayLetters(broker, 'dead', { key: 'c' })
  const common = { source: 'orders', node: 'persist' }
  expect(await listLetters(broker, 'dead', {})).toEqual([
    { code: 'X', ...common, letters: 2, replayed: 1, first: '1970-01-01T00:00:01.000Z', last: '1970-01-01T00:00:01.002Z' },
    { code: 'Y', ...common, letters: 1, replayed: 0, first: '1970-01-01T00:00:01.001Z', last: '1970-01-01T00:00:01.001Z' },
  ])
})

it('deletes and counts nothing when it is stopped before it has seen all', async () => {
  await write([
    { key: 'a', value: '1' },
    { key: 'b', value: '2' },
  ])
  const stopped = AbortSignal.abort()
  await expect(purgeLetters(broker, 'dead', { all: true }, stopped)).rejects.toMatchObject({ code: 'RIACHO_INTERRUPTED' })
  await expect(listLetters(broker, 'dead', {}, stopped)).rejects.toMatchObject({ code: 'RIACHO_INTERRUPTED' })
  expect(await shown()).toHaveLength(2)
})

it.each([
  [{ code: 'Y' }, ['2']],
  [{ source: 'others' }, ['3']],
  [{ key: 'a' }, ['1']],
  [{ key: '' }, []],
  [{ node: 'persist', since: 1002 }, ['3', '4']],
  [{ until: 1001 }, ['1']],
  [{ node: 'else' }, []],
])('shows what %j asks for', async (filter, wanted) => {
  const given = [
    { key: 'a', value: '1' },
    { key: 'b', value: '2', code: 'Y' },
    { key: 'c', value: '3', source: 'others' },
    { key: null, value: '4' },
  ]
  await write(given)
  expect((await shown(filter)).map(({ value }) => value).sort()).toEqual(wanted)
})

it('shows all of a letter, and at most as many as wanted', async () => {
  await write([
    { key: 'a', value: '1' },
    { key: 'b', value: '2' },
  ])
  expect(await shown({ max: 1 })).toEqual([
    {
      at: { partition: expect.any(Number), offset: 0 },
      code: 'X',
      reason: 'no',
      node: 'persist',
      topic: 'orders',
      partition: 2,
      offset: expect.any(Number),
      attempts: 6,
      timestamp: expect.stringContaining('1970-01-01T00:00:00.50'),
      failedAt: expect.stringContaining('1970-01-01T00:00:01.00'),
      replayed: false,
      key: expect.stringMatching(/a|b/),
      value: expect.stringMatching(/1|2/),
      headers: [['trace', 't']],
    },
  ])
})

describe('replay', () => {
  it('writes the record as it was, where it was', async () => {
    await write([{ key: 'a', value: '1' }])
    expect(await replayLetters(broker, 'dead', {})).toEqual({ ...none, replayed: 1 })
    expect(await lines('orders')).toMatchObject([
      {
        partition: 2,
        timestamp: '1970-01-01T00:00:00.500Z',
        key: 'a',
        value: '1',
        headers: [
          ['trace', 't'],
          [replayedHeader, 'dead/0/0'],
        ],
      },
    ])
  })

  it('does it once, whatever is asked for, unless it is asked for again', async () => {
    await write([
      { key: 'a', value: '1' },
      { key: 'b', value: '2', code: 'Y' },
    ])
    expect(await replayLetters(broker, 'dead', { code: 'Y' })).toEqual({ ...none, replayed: 1 })
    expect(await replayLetters(broker, 'dead', {})).toEqual({ ...none, replayed: 1, before: 1 })
    expect(await values('orders')).toEqual(['1', '2'])
    expect(await replayLetters(broker, 'dead', { code: 'Y', again: true })).toEqual({ ...none, replayed: 1 })
    expect(await values('orders')).toEqual(['1', '2', '2'])
  })

  it('leaves letters without a home, and takes them elsewhere', async () => {
    await write([
      { key: 'a', value: 'derived', offset: -1 },
      { key: 'b', value: 'gone', source: 'gone' },
    ])
    expect(await replayLetters(broker, 'dead', {})).toEqual({ ...none, homeless: 1, lost: 1 })
    await broker.admin.createTopics([{ name: 'mended', partitions: 2 }])
    expect(await replayLetters(broker, 'dead', { to: 'mended' })).toEqual({ ...none, replayed: 2 })
    expect(await values('mended')).toEqual(['derived', 'gone'])
  })

  it('leaves letters that hold only the beginning of their value, wherever they are sent', async () => {
    const origin = { topic: 'orders', partition: 0, offset: 5, timestamp: 1, key: Buffer.from('a'), value: Buffer.alloc(5000), headers: [] }
    const failure = { code: 'X', reason: 'no', node: 'persist', attempts: 1, firstFailure: 1 }
    const { key, value, headers } = fittingLetter({ ...origin, headers: deadLetterHeaders(origin, failure) }, 1000)
    const producer = await broker.producer({})
    producer.partition({ topic: 'dead', partition: 0 }).append(1, key, value, headers)
    await producer.flush()
    await producer.close()
    for (const to of [undefined, 'orders']) expect(await replayLetters(broker, 'dead', { to })).toEqual({ ...none, cut: 1 })
    expect(await values('orders')).toEqual([])
    expect(await shown()).toMatchObject([{ topic: 'orders', partition: 0, offset: 5, cutFrom: 5000 }])
  })

  it('keeps to its rate, and ends between two transactions when it is stopped', async () => {
    await write(Array.from({ length: 40 }, (_, i) => ({ key: 'k', value: String(i) })))
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 50)
    const { replayed } = await replayLetters(broker, 'dead', { rate: 10, signal: stop.signal })
    expect(replayed).toBe(10)
    expect(await replayLetters(broker, 'dead', {})).toEqual({ ...none, replayed: 30, before: 10 })
    expect((await values('orders')).length).toBe(40)
  })

  it('is fenced by a newer one', async () => {
    await write([{ key: 'a', value: '1' }])
    const meddled = producing(broker, async options => {
      const older = await broker.producer(options)
      await broker.producer(options)
      return older
    })
    await expect(replayLetters(meddled, 'dead', {})).rejects.toMatchObject({ fenced: true })
    expect(await values('orders')).toEqual([])
  })

  it('names topics that are not there', async () => {
    await expect(replayLetters(broker, 'unknown', {})).rejects.toMatchObject({ code: 'RIACHO_TOPIC' })
  })
})

const seed = Number(process.env.RIACHO_SEED ?? Math.floor(Math.random() * 2 ** 31))

it(`replays each letter once through any commands, some of which fail (RIACHO_SEED=${seed})`, async () => {
  const code = fc.constantFrom('X', 'Y')
  const command = fc.record({
    code: fc.option(code, { nil: undefined }),
    max: fc.integer({ min: 1, max: 30 }),
    rate: fc.constantFrom(undefined, 1000),
    fails: fc.boolean(),
  })
  const property = fc.asyncProperty(fc.array(code, { maxLength: 60 }), fc.array(command, { maxLength: 6 }), async (codes, commands) => {
    const own = await embedded({ poisonLoans: true })
    await own.admin.createTopics(['orders', 'dead'].map(name => ({ name, partitions: 2 })))
    await write(
      codes.map((code, i) => ({ key: 'k', value: String(i), code })),
      own,
    )
    for (const { fails, ...options } of [...commands, { fails: false, code: undefined, max: 1000, rate: undefined }])
      await replayLetters(fails ? refusing(own) : own, 'dead', options).catch((thrown: Error) => expect(thrown.message).toBe('refused'))
    expect((await lines('orders', own)).map(({ value }) => Number(value)).sort((a, b) => a - b)).toEqual(codes.map((_, i) => i))
    await own.close()
  })
  await fc.assert(property, { seed, numRuns: 60 })
})

/** The same broker with other producers. */
const producing = (broker: Broker, producer: Broker['producer']): Broker => ({
  admin: broker.admin,
  join: (group, on) => broker.join(group, on),
  fetcher: options => broker.fetcher(options),
  producer,
  close: () => broker.close(),
})

/** Its commits do not happen. */
const refusing = (broker: Broker): Broker =>
  producing(broker, async options => {
    const producer = await broker.producer(options)
    producer.commit = () => producer.flush().then(() => Promise.reject(new Error('refused')))
    return producer
  })

describe('purge', () => {
  it('deletes up to the first letter that has to stay, and forgets what was replayed of them', async () => {
    await write(Array.from({ length: 4100 }, (_, i) => ({ key: i === 3000 ? 'stays' : 'k', value: String(i), failedAt: i })))
    await replayLetters(broker, 'dead', { key: 'k' })
    expect(await purgeLetters(broker, 'dead', { replayed: true })).toBeGreaterThan(2050 + 1499)
    const left = await shown()
    expect(left[0]).toMatchObject({ key: 'stays', replayed: false })
    expect(left.every(({ key, replayed }) => (key === 'k') === replayed)).toBe(true)
    const marks = (await lines(marksTopic('dead'))).map(({ key, value }) => [key, value === null])
    expect(marks).toContainEqual(['0:0', true])
    expect(marks).not.toContainEqual(['0:1', true])
    expect(await replayLetters(broker, 'dead', {})).toMatchObject({ replayed: 1 })
  })

  it('deletes by time, or all', async () => {
    await write(Array.from({ length: 10 }, (_, i) => ({ key: 'k', value: String(i), failedAt: i })))
    expect(await purgeLetters(broker, 'dead', { before: 4 })).toBe(4)
    expect(await purgeLetters(broker, 'dead', { before: 4 })).toBe(0)
    expect(await purgeLetters(broker, 'dead', { all: true })).toBe(6)
    expect(await shown()).toEqual([])
  })
})
