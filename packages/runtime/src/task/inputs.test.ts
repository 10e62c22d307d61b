import { embedded } from '@riacho/embedded'
import { count, int64, json, mapValues, merge, process, text, to, topic, topology, toStream } from '@riacho/streams'
import { type RecordBatches, readDeadLetter, type Topology } from '@riacho/streams/engine'
import { FakeClock } from '@riacho/testing'
import { describe, expect, it } from 'vitest'
import { Line } from '../line.fixture.ts'
import type { AppOptions } from '../options.ts'
import { committed, joined, read, type Sent, take, values, write } from '../trial.fixture.ts'

const out = to<string, string>('out', { value: text })

async function laid(plan: Topology, options: Partial<AppOptions> = {}) {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['a', 'b', 'c', 'out', 'dead'].map(name => ({ name, partitions: 1 })))
  const clock = new FakeClock(5000)
  const line = new Line(broker)
  return { broker, clock, line, open: () => joined(plan, { broker: line.broker, clock, ...options }) }
}

describe('bytes that their serde refuses', () => {
  const show = mapValues<string, number, string>(value => String(value))
  const records: readonly Sent[] = [
    { key: 'k', value: '1', at: 7 },
    { key: 'k', value: Buffer.from([0x7b, 0xff, 0x00, 0xc3]), at: 8, headers: [['h', Buffer.from('x')]] },
    { key: 'k', value: '3', at: 9 },
  ]
  const planned = (onError: 'fail' | 'skip' | { readonly deadLetter: string }): Topology =>
    topology('decoding', topic('a', { key: text, value: json<number>(), onError }).pipe(show, out))

  it('fail: the task stops with the record’s place, after what came before it', async () => {
    const { broker, open } = await laid(planned('fail'))
    await write(broker, 'a', ...records)
    const engine = await open()
    await expect(take(engine)).rejects.toMatchObject({ code: 'RIACHO_DECODE', place: { node: 'a', topic: 'a', partition: 0, offset: 1 } })
    await expect(engine.commitDue(true)).rejects.toMatchObject({ code: 'RIACHO_DECODE' })
    expect([await committed(broker, 'decoding', 'a'), await values(broker, 'out')]).toEqual([undefined, []])
    await engine.close()
  })

  it('skip: it is counted, and committed', async () => {
    const { broker, open } = await laid(planned('skip'))
    await write(broker, 'a', ...records)
    const engine = await open()
    await take(engine)
    await engine.commitDue(true)
    expect([engine.counters.dropped, await values(broker, 'out'), await committed(broker, 'decoding', 'a')]).toEqual([
      { deserialization: 1 },
      ['1', '3'],
      3,
    ])
    await engine.close()
  })

  it('dead letter: it holds the bytes and headers as they came, and why', async () => {
    const { broker, open } = await laid(planned({ deadLetter: 'dead' }))
    await write(broker, 'a', ...records)
    const engine = await open()
    await take(engine)
    await engine.commitDue(true)
    const [dead, ...others] = await read(broker, 'dead')
    const letter = readDeadLetter(Buffer.from(dead!.key!), dead!.raw, dead!.headers)
    expect(letter).toMatchObject({
      code: 'RIACHO_DECODE',
      node: 'a',
      topic: 'a',
      partition: 0,
      offset: 1,
      timestamp: 8,
      attempts: 1,
      firstFailure: 5000,
    })
    expect([others, Buffer.from(letter.original.value!).toString('latin1'), letter.original.key?.toString()]).toEqual([
      [],
      '{\xff\0\xc3',
      'k',
    ])
    expect(letter.original.headers.map(([name, value]) => [name, String(value)])).toEqual([['h', 'x']])
    expect([await values(broker, 'out'), engine.counters.deadLettersByTopic]).toEqual([['1', '3'], { dead: 1 }])
    await engine.close()
  })

  it('keys and values are checked though nobody looks at them', async () => {
    for (const [key, value] of [
      ['short', '1'],
      [Buffer.alloc(8).toString('latin1'), '{bad'],
    ]) {
      const { broker, open } = await laid(
        topology('unread', topic('a', { key: int64, value: json<number>() }).pipe(count('counts'), toStream(), to('out'))),
      )
      await write(broker, 'a', { key: key!, value: value! })
      const engine = await open()
      await expect(take(engine)).rejects.toMatchObject({ code: 'RIACHO_DECODE' })
      await engine.close()
    }
  })
})

describe('several inputs', () => {
  const of = (name: string) => topic(name, { key: text, value: text })
  const merged = topology('merged', merge(of('a'), of('b')).pipe(out))
  const three = topology('merged', merge(of('a'), of('b'), of('c')).pipe(out))

  it('the lowest timestamp goes first, whatever the input', async () => {
    const { broker, open } = await laid(three)
    const times = { a: [5, 6, 1, 20], b: [2, 30, 3], c: [4, 4, 25] }
    for (const [name, all] of Object.entries(times)) await write(broker, name, ...all.map(at => ({ key: name, value: `${name}${at}`, at })))
    const engine = await open()
    await take(engine)
    await engine.commitDue(true)
    expect(await values(broker, 'out')).toEqual(['b2', 'c4', 'c4', 'a5', 'a6', 'a1', 'a20', 'c25', 'b30', 'b3'])
    await engine.close()
  })

  // Java's PriorityQueue: equal times, offered as x, y, z, are polled as x, z, y.
  it.each([
    ['as they are read', (slices: readonly RecordBatches[]) => slices, ['a', 'c', 'b']],
    ['turned round', (slices: readonly RecordBatches[]) => [...slices].reverse(), ['c', 'a', 'b']],
  ])('equal times go in the order in which the records came, %s', async (_how, polled, expected) => {
    const { broker, open, line } = await laid(three)
    for (const name of ['a', 'b', 'c']) await write(broker, name, { key: name, value: name, at: 5 })
    line.polled = polled
    const engine = await open()
    await take(engine)
    await engine.commitDue(true)
    expect(await values(broker, 'out')).toEqual(expected)
    await engine.close()
  })

  it('exactly one input’s record is counted into stream time at a time', async () => {
    const times: number[] = []
    const watching = process<string, string, string, string>('watching', context => () => times.push(context.streamTime))
    const { broker, open } = await laid(topology('times', merge(of('a'), of('b')).pipe(watching)))
    await write(broker, 'a', { key: 'a', value: '', at: 10 }, { key: 'a', value: '', at: 50 })
    await write(broker, 'b', { key: 'b', value: '', at: 20 })
    const engine = await open()
    await take(engine)
    expect(times).toEqual([10, 20, 50])
    await engine.close()
  })

  /** Input `a` has times 1 and 3, `b` has 2 and 4, and what is read of `b` is kept back until the test lets it go. */
  async function slowB(options: Partial<AppOptions>) {
    const { broker, open, line, clock } = await laid(merged, options)
    await write(broker, 'a', { key: 'a', value: 'a1', at: 1 }, { key: 'a', value: 'a3', at: 3 })
    await write(broker, 'b', { key: 'b', value: 'b2', at: 2 }, { key: 'b', value: 'b4', at: 4 })
    let keep = true
    const kept: RecordBatches[] = []
    line.polled = slices => {
      kept.push(...slices.filter(slice => slice.topic === 'b'))
      return [...slices.filter(slice => slice.topic !== 'b'), ...(keep ? [] : kept.splice(0))]
    }
    return {
      broker,
      clock,
      engine: await open(),
      letGo: () => {
        keep = false
      },
    }
  }

  it('maxTaskIdleMs -1 waits for nothing', async () => {
    const { broker, engine, letGo } = await slowB({ maxTaskIdleMs: -1 })
    expect(await take(engine)).toBe(2)
    letGo()
    expect(await take(engine)).toBe(2)
    await engine.commitDue(true)
    expect(await values(broker, 'out')).toEqual(['a1', 'a3', 'b2', 'b4'])
    await engine.close()
  })

  it('maxTaskIdleMs 0 waits for what the broker is known to hold', async () => {
    const { broker, engine, letGo } = await slowB({ maxTaskIdleMs: 0 })
    expect(await take(engine)).toBe(0)
    letGo()
    expect(await take(engine)).toBe(4)
    await engine.commitDue(true)
    expect(await values(broker, 'out')).toEqual(['a1', 'b2', 'a3', 'b4'])
    await engine.close()
  })

  it('maxTaskIdleMs 0 does not wait for what may come', async () => {
    const { broker, open } = await laid(merged, { maxTaskIdleMs: 0 })
    await write(broker, 'a', { key: 'a', value: 'a1', at: 1 })
    const engine = await open()
    expect(await take(engine)).toBe(1)
    await engine.close()
  })

  it('maxTaskIdleMs above 0 waits so long for an input to have records, once, and not for each record', async () => {
    const { broker, open, clock } = await laid(merged, { maxTaskIdleMs: 100 })
    await write(broker, 'a', ...[1, 3, 5].map(at => ({ key: 'a', value: `a${at}`, at })))
    const engine = await open()
    expect(await take(engine)).toBe(0)
    clock.advance(99)
    expect(await take(engine)).toBe(0)
    clock.advance(1)
    expect(await take(engine)).toBe(3)
    await write(broker, 'b', { key: 'b', value: 'b6', at: 6 })
    await write(broker, 'a', { key: 'a', value: 'a7', at: 7 })
    // The input has come back: it is waited for anew when it is empty again.
    expect(await take(engine)).toBe(1)
    clock.advance(100)
    expect(await take(engine)).toBe(1)
    await engine.commitDue(true)
    expect(await values(broker, 'out')).toEqual(['a1', 'a3', 'a5', 'b6', 'a7'])
    await engine.close()
  })

  it('a wait that ended because the records came is forgotten', async () => {
    const { broker, open, clock } = await laid(merged, { maxTaskIdleMs: 100 })
    await write(broker, 'a', { key: 'a', value: 'a1', at: 1 }, { key: 'a', value: 'a5', at: 5 })
    const engine = await open()
    expect(await take(engine)).toBe(0)
    clock.advance(90)
    await write(broker, 'b', { key: 'b', value: 'b2', at: 2 })
    expect(await take(engine)).toBe(2)
    clock.advance(90)
    expect(await take(engine)).toBe(0)
    clock.advance(10)
    expect(await take(engine)).toBe(1)
    await engine.close()
  })
})

it('a dead letter of a record that a punctuator made holds it, and does not stop the task', async () => {
  const ticking = process<string, string, string, string>(
    'ticking',
    context => {
      context.schedule(1000, 'wall', timestamp => context.forward({ key: 'tick', value: 'tick', timestamp, headers: [] }))
      return record => context.forward(record)
    },
    { key: text, value: text },
  )
  const broken = mapValues<string, string, string>(
    value => {
      if (value === 'tick') throw new Error('no ticks')
      return value
    },
    { onError: { deadLetter: 'dead' } },
  )
  const { broker, open, clock } = await laid(topology('ticks', topic('a', { key: text, value: text }).pipe(ticking, broken, out)))
  await write(broker, 'a', { key: 'k', value: 'v' })
  const engine = await open()
  await take(engine)
  clock.advance(1000)
  engine.punctuate()
  expect(engine.failure).toBeUndefined()
  await engine.commitDue(true)
  const [dead] = await read(broker, 'dead')
  expect([dead?.key, dead?.value, await values(broker, 'out')]).toEqual(['tick', 'tick', ['v']])
  expect(readDeadLetter(null, null, dead!.headers)).toMatchObject({ reason: 'no ticks', node: 'mapValues', offset: -1 })
  await engine.close()
})
