import { embedded } from '@riacho/embedded'
import { count, reduce, repartition, selectKey, table, text, to, topic, topology, toStream } from '@riacho/streams'
import type { OffsetReset } from '@riacho/streams/engine'
import { describe, expect, it } from 'vitest'
import { app } from '../app.ts'
import { Line } from '../line.fixture.ts'
import type { AppEvent, AppOptions } from '../options.ts'
import { committed, joined, numbered, read, take, write } from '../trial.fixture.ts'

const planOf = (offsetReset?: OffsetReset) => {
  const options = { key: text, value: text, ...(offsetReset && { offsetReset }) }
  return topology('reset', topic('in', options).pipe(to('out')))
}

async function laid(records = 10) {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out'].map(name => ({ name, partitions: 1 })))
  await write(broker, 'in', ...numbered(records))
  return broker
}

const values = async (broker: Awaited<ReturnType<typeof laid>>) => (await read(broker, 'out')).map(({ value }) => Number(value))

async function run(options: AppOptions, plan = planOf()): Promise<void> {
  const running = app(plan, options)
  await running.start()
  await running.untilEnd()
  await running.stop()
}

describe('without a committed offset', () => {
  it.each([
    [undefined, undefined, 10],
    ['earliest', undefined, 10],
    ['latest', undefined, 0],
    ['latest', 'earliest', 10],
    ['earliest', 'latest', 0],
    ['none', 'latest', 0],
  ] as const)('the application says %s, the source %s: %i records are read', async (ofApplication, ofSource, expected) => {
    const broker = await laid()
    await run({ broker, ...(ofApplication && { offsetReset: ofApplication }) }, planOf(ofSource))
    expect(await values(broker)).toHaveLength(expected)
  })

  it("'none' stops the start, with the topic", async () => {
    const broker = await laid()
    const place = { topic: 'in', partition: 0 }
    await expect(run({ broker }, planOf('none'))).rejects.toMatchObject({ code: 'RIACHO_OFFSET_RESET', place })
  })

  it("'latest' holds from the start on: what comes while it is down is read", async () => {
    const broker = await laid()
    await run({ broker, offsetReset: 'latest' })
    await write(broker, 'in', ...numbered(5, ['a'], 10))
    await run({ broker, offsetReset: 'latest' })
    expect(await values(broker)).toEqual([10, 11, 12, 13, 14])
  })

  it('an internal topic is read from its beginning, whatever the policy', async () => {
    const broker = await laid(0)
    const counted = topology(
      'reset',
      topic('in', { key: text, value: text }).pipe(
        selectKey(value => value, { key: text }),
        repartition('again'),
        count('counts'),
        toStream(),
        to('out'),
      ),
    )
    const line = new Line(broker)
    const options: AppOptions = { broker: line.broker, offsetReset: 'latest', guarantee: 'exactly-once' }
    const engine = await joined(counted, options)
    await write(broker, 'in', ...numbered(3))
    // Written to the repartition topic; killed before anything was read there.
    const [first] = engine.tasks
    await engine.fetch(0)
    first!.run(10, Number.POSITIVE_INFINITY)
    await engine.commitDue(true)
    await line.cut()
    await run({ ...options, broker }, counted)
    expect((await read(broker, 'out')).length).toBe(3)
  })
})

describe('what comes next is gone', () => {
  async function truncated(policy: OffsetReset) {
    const broker = await laid()
    await run({ broker })
    await write(broker, 'in', ...numbered(10, ['a'], 10))
    await broker.admin.deleteRecords([{ topic: 'in', partition: 0, offset: 15 }])
    const told: AppEvent[] = []
    await run({ broker, offsetReset: policy, log: event => event.level === 'warn' && told.push(event) })
    return { broker, told }
  }

  it.each([
    ['earliest', 5, 15],
    ['latest', 0, 20],
  ] as const)('%s goes on with what there is, and says so', async (policy, more, at) => {
    const { broker, told } = await truncated(policy)
    expect((await values(broker)).slice(10)).toHaveLength(more)
    expect(told).toMatchObject([{ topic: 'in', partition: 0, offset: 10, message: expect.stringContaining(`offset ${at}`) }])
  })

  it('what was fetched before still counts, and its position', async () => {
    const broker = await laid()
    const engine = await joined(planOf(), { broker })
    await engine.fetch(0)
    await write(broker, 'in', ...numbered(10, ['a'], 10))
    await broker.admin.deleteRecords([{ topic: 'in', partition: 0, offset: 15 }])
    await engine.fetch(0)
    // Whoever commits now has not taken what waits.
    expect(engine.tasks[0]!.inputs[0]!.position).toBe(0)
    await take(engine)
    await engine.commitDue(true)
    expect([await values(broker), await committed(broker, 'reset', 'in')]).toEqual([
      [...Array.from({ length: 10 }, (_, i) => i), 15, 16, 17, 18, 19],
      20,
    ])
    await engine.close()
    expect(broker.loans).toBe(0)
  })

  it('a changelog that loses its beginning while it is read is read anew', async () => {
    const broker = await laid()
    const summed = topology(
      'reset',
      topic('in', { key: text, value: text }).pipe(
        reduce<string, string>('sums', (sum, value) => `${sum} ${value}`, { value: text }),
        toStream(),
        to('out'),
      ),
    )
    await run({ broker }, summed)
    const line = new Line(broker)
    let polls = 0
    line.before = async call => {
      if (call === 'poll' && ++polls === 1) await broker.admin.deleteRecords([{ topic: 'reset-sums-changelog', partition: 0, offset: 1 }])
    }
    const told: string[] = []
    const engine = await joined(summed, { broker: line.broker, log: ({ message }) => told.push(message) })
    expect([...(engine.tasks[0]!.stores.get('sums') as unknown as { entries(): Iterable<unknown> }).entries()]).toHaveLength(3)
    expect(told).toContainEqual(expect.stringContaining('could not be opened, trying again'))
    await engine.close()
  })
})

it('a table takes what its topic still has', async () => {
  const broker = await laid()
  const rows = topology('reset', table('in', { key: text, value: text, store: 'rows', offsetReset: 'latest' }).pipe(toStream(), to('out')))
  await run({ broker }, rows)
  expect(await values(broker)).toEqual([])
})

it('refuses another policy', async () => {
  expect(() => topic('in', { key: text, value: text, offsetReset: 'newest' as 'latest' })).toThrow(
    expect.objectContaining({ code: 'RIACHO_OPTION' }),
  )
  const broker = await embedded()
  expect(() => app(planOf(), { broker, offsetReset: 'newest' as 'latest' })).toThrow(expect.objectContaining({ code: 'RIACHO_OPTION' }))
  expect(() => app(planOf(), { broker, replicationFactor: 0 })).toThrow(expect.objectContaining({ code: 'RIACHO_OPTION' }))
})
