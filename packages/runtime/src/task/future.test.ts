import { embedded } from '@riacho/embedded'
import { count, source, table, text, to, topic, topology, toStream, tumbling } from '@riacho/streams'
import type { RecordCursor, SourceFacts, Topology } from '@riacho/streams/engine'
import { FakeClock } from '@riacho/testing'
import { describe, expect, it } from 'vitest'
import { joined, read, type Sent, take, write } from '../trial.fixture.ts'
import { Decoder } from './decoder.ts'

const texts = { key: text, value: text }
const passing = (options: object): Topology => topology('future', topic('in', { ...texts, ...options }).pipe(to('out')))

async function laid(plan: Topology, now = 1000) {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out'].map(name => ({ name, partitions: 1 })))
  const clock = new FakeClock(now)
  return { broker, clock, engine: await joined(plan, { broker, clock }) }
}

/** Times of what came out, and what was dropped. */
async function passed(options: object, ...records: readonly Sent[]) {
  const { broker, engine } = await laid(passing(options))
  await write(broker, 'in', ...records)
  await take(engine)
  await engine.commitDue(true)
  const times = (await read(broker, 'out')).map(({ timestamp }) => timestamp)
  await engine.close()
  return { times, dropped: engine.counters.dropped }
}

const at = (time: number, value = 'v'): Sent => ({ key: 'k', value, at: time })

describe('a time that is no whole number of milliseconds, or not exact', () => {
  const windows = count<string, string>('windows', { window: tumbling(10, { grace: 0 }) })

  it.each([0.5, -1, 1e300, Number.POSITIVE_INFINITY, Number.NaN, 2 ** 53])(
    '%d is dropped and counted when a source reads it',
    async time => {
      const plan = topology('inexact', topic('in', { ...texts, timestamp: () => time }).pipe(windows, toStream(), to('out')))
      const { broker, engine } = await laid(plan)
      await write(broker, 'in', at(5))
      await take(engine)
      expect([engine.counters.dropped, engine.tasks[0]!.streamTime]).toEqual([{ 'invalid-timestamp': 1 }, -1])
      await engine.close()
    },
  )

  it('stops the task when Kafka holds it: nanoseconds are no milliseconds', () => {
    const plain = { drop: () => {}, deadLetter: () => {}, now: () => 0, position: () => null, tell: () => {} }
    const facts = { topics: ['in'], ...texts, invalidTimestamp: 'fail', onError: 'fail', nulls: 'keep' } as unknown as SourceFacts
    const cursor = { keyStart: -1, valueStart: -1, timestamp: 1_700_000_000_000_000_000, offset: 3 } as RecordCursor
    expect(() => new Decoder('in', facts, plain, false, false).take(cursor)).toThrow(/RIACHO_TIMESTAMP.*1700000000000000000/)
  })
})

describe('a record from the far future', () => {
  it('passes without a limit', async () => {
    expect(await passed({}, at(1e15))).toEqual({ times: [1e15], dropped: {} })
  })

  it('stops the task with its place, unless it is told otherwise', async () => {
    const { broker, engine } = await laid(passing({ maxFutureSkew: 10 }))
    await write(broker, 'in', at(1010), at(1011))
    await expect(take(engine)).rejects.toMatchObject({
      code: 'RIACHO_TIMESTAMP',
      message: expect.stringContaining('1011'),
      place: { node: 'in', topic: 'in', partition: 0, offset: 1 },
    })
    await engine.close()
  })

  it('skip: is dropped and counted, and moves no clock', async () => {
    expect(await passed({ maxFutureSkew: 10, invalidTimestamp: 'skip' }, at(5), at(1011), at(1010))).toEqual({
      times: [5, 1010],
      dropped: { 'future-timestamp': 1 },
    })
    const { broker, engine } = await laid(passing({ maxFutureSkew: 10, invalidTimestamp: 'skip' }))
    await write(broker, 'in', at(7), at(2000))
    await take(engine)
    expect([engine.tasks[0]!.streamTime, engine.tasks[0]!.inputs[0]!.partitionTime]).toEqual([7, 7])
    await engine.close()
  })

  it('partitionTime: has the time of the partition, and stops when there is none yet', async () => {
    const options = { maxFutureSkew: 0, invalidTimestamp: 'partitionTime' }
    expect(await passed(options, at(7), at(2000), at(8))).toEqual({ times: [7, 7, 8], dropped: {} })
    await expect(passed(options, at(2000))).rejects.toThrow(/RIACHO_TIMESTAMP.*2000/)
  })

  it('is so by the time that the source reads from it, and then dropped', async () => {
    const timestamp = (value: string): number => Number(value)
    expect(await passed({ maxFutureSkew: 10, timestamp }, at(5000, '1010'), at(5, '1011'))).toEqual({
      times: [1010],
      dropped: { 'future-timestamp': 1 },
    })
  })

  it('is none any more when the wall clock has moved', async () => {
    const { broker, clock, engine } = await laid(passing({ maxFutureSkew: 10, invalidTimestamp: 'skip' }))
    for (const time of [1010, 1015]) {
      await write(broker, 'in', at(time), at(1020))
      await take(engine)
      clock.advance(5)
    }
    expect(engine.counters.dropped).toEqual({ 'future-timestamp': 2 })
    await write(broker, 'in', at(1020))
    await take(engine)
    expect(engine.counters.dropped).toEqual({ 'future-timestamp': 2 })
    await engine.close()
  })

  it('is kept from tables and from connectors too', async () => {
    const rows = table('in', { ...texts, maxFutureSkew: 10, invalidTimestamp: 'skip' })
    const { broker, engine } = await laid(topology('future', rows.pipe(toStream(), to('out'))))
    await write(broker, 'in', at(1011), at(1))
    await take(engine)
    expect(engine.counters.dropped).toEqual({ 'future-timestamp': 1 })
    await engine.close()
    const connector = { name: 'c', positions: 'replayable', keyed: true, key: text, value: text } as Parameters<typeof source>[0]
    expect(source(connector, { maxFutureSkew: 5, invalidTimestamp: 'skip' }).node.source).toMatchObject({
      maxFutureSkew: 5,
      invalidTimestamp: 'skip',
    })
  })

  it('is no limit that is no number of milliseconds', () => {
    for (const maxFutureSkew of [-1, 0.5, Number.NaN]) expect(() => passing({ maxFutureSkew })).toThrow(/RIACHO_OPTION.*maxFutureSkew/)
  })
})
