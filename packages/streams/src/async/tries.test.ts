import { describe, expect, it } from 'vitest'
import { SinkError } from '../contract/sink.ts'
import { FakeTask, unasked } from './fake-task.fixture.ts'
import { type In, openStage } from './stage.fixture.ts'
import { gateOf, stage } from './stage.ts'

describe('tries', () => {
  const retry = { retriesMax: 5, backoff: { min: 100, max: 1000 } }
  const down = () => new SinkError('transient', 'down', { away: true })

  it('are six for five retries, counted in a header that the result does not have', async () => {
    const { feed, flights, out, task } = openStage({ retry, breaker: false, origins: true, onError: { deadLetter: 'dead' } })
    await feed(['a', '1'], ['b', '2'])
    for (let i = 0; i < 6; i++) {
      await flights.findLast(flight => flight.values[0] === '1')!.fail(new Error('no'))
      await task.advance(1000)
    }
    await flights[1]!.done()
    expect(flights.filter(flight => flight.values[0] === '1').map(flight => flight.counts[0])).toEqual([
      undefined,
      ...[1, 2, 3, 4, 5].map(n => `RetryCount=${n}`),
    ])
    expect(task.deadLetters).toMatchObject([{ attempts: 6, reason: 'no', at: { offset: 0, headers: [] } }])
    expect([out, task.stage.size]).toEqual([['2'], 0])
  })

  it('of one key do not hold up others, nor take a place while they pause', async () => {
    const { feed, flights, out, started, task } = openStage({ retry, inFlightMax: 1 })
    await feed(['a', 'a1'], ['b', 'b1'], ['a', 'a2'])
    await flights[0]!.fail(new Error('no'))
    await flights[1]!.done()
    expect([started(), out]).toEqual([['a1', 'b1'], ['B1']])
    await feed(['c', 'c1'])
    await task.advance(100)
    expect(started()).toEqual(['a1', 'b1', 'c1'])
    await flights[2]!.done()
    await flights[3]!.done()
    await flights[4]!.done()
    expect([started(), out]).toEqual([
      ['a1', 'b1', 'c1', 'a1', 'a2'],
      ['B1', 'C1', 'A1', 'A2'],
    ])
  })

  it('go on with the records of a batch that were not written; each becomes what its own error says', async () => {
    const { feed, flights, out, started, task } = openStage({
      retry,
      written: true,
      origins: true,
      onError: { deadLetter: 'dead' },
      batch: { recordsMax: 4, wait: 5 },
    })
    await feed(['a', '1'], ['b', '2'], ['c', '3'], ['d', '4'])
    const failures = new Map([
      [0, new SinkError('transient', 'busy')],
      [1, new SinkError('poison', 'bad row')],
    ])
    await flights[0]!.fail(new SinkError('transient', 'two rows', { failures }))
    expect([out, task.deadLetters.map(({ reason, attempts }) => [reason, attempts])]).toEqual([['3', '4'].map(String), [['bad row', 1]]])
    await feed(['a', '5'], ['b', '6'])
    await task.advance(5)
    expect(started()).toEqual(['1234', '6'])
    await task.advance(100)
    expect([started(), flights[2]!.counts]).toEqual([['1234', '6', '1'], ['RetryCount=1']])
    await flights[2]!.done()
    await task.advance(5)
    expect(started()).toEqual(['1234', '6', '1', '5'])
  })

  const batched = { retry, written: true, origins: true, onError: { deadLetter: 'dead' }, batch: { recordsMax: 3, wait: 5 } }

  it('of one record let none of its key pass that was written with it', async () => {
    const { feed, flights, out, task } = openStage(batched)
    await feed(['a', 'a1'], ['a', 'a2'], ['b', 'b1'])
    await flights[0]!.fail(new SinkError('transient', 'one row', { failures: new Map([[0, new SinkError('transient', 'busy')]]) }))
    expect([out, task.stage.size]).toEqual([['B1'], 2])
    await task.advance(100)
    await flights[1]!.done()
    expect([out, task.stage.size]).toEqual([['B1', 'A1', 'A2'], 0])
  })

  it('of records that are then tried each alone let go on what waited for them, once', async () => {
    const { feed, flights, out, task } = openStage(batched)
    await feed(['a', 'a1'], ['a', 'a2'], ['b', 'b1'])
    const busy = new SinkError('transient', 'busy')
    const failures = new Map([
      [0, busy],
      [2, busy],
    ])
    await flights[0]!.fail(new SinkError('transient', 'two rows', { failures }))
    await task.advance(100)
    await flights[1]!.fail(new SinkError('poison', 'one of them'))
    await flights[2]!.fail(new SinkError('poison', 'this one'))
    expect([out, task.deadLetters.length, task.stage.size]).toEqual([['A2'], 1, 1])
    await flights[3]!.done()
    expect([out, flights.map(({ values }) => values.join()), task.stage.size]).toEqual([['A2', 'B1'], ['a1,a2,b1', 'a1,b1', 'a1', 'b1'], 0])
  })

  it('of one record do not count for those that wait for it and were not tried, nor become their end', async () => {
    const { feed, flights, out, started, task } = openStage({ ...batched, retry: { retriesMax: 1, backoff: retry.backoff } })
    await feed(['a', 'a1'], ['a', 'a2'], ['a', 'a3'])
    const failures = new Map([
      [0, new SinkError('transient', 'busy')],
      [1, new SinkError('transient', 'it waits', { untried: true })],
      [2, new SinkError('transient', 'it waits', { untried: true })],
    ])
    await flights[0]!.fail(new SinkError('transient', 'three', { failures }))
    await feed(['a', 'a4'])
    await task.advance(100)
    expect(started()).toEqual(['a1a2a3', 'a1'])
    await flights[1]!.fail(new SinkError('transient', 'busy'))
    expect(task.deadLetters.map(({ attempts, at }) => [attempts, at?.offset])).toEqual([[2, 0]])
    expect([started().at(-1), flights[2]!.counts]).toEqual(['a2a3a4', [undefined, undefined, undefined]])
    await flights[2]!.done()
    expect([out, task.stage.size]).toEqual([['A2', 'A3', 'A4'], 0])
  })

  it('end at the deadline', async () => {
    const { feed, flights, task } = openStage({ retry: { ...retry, retriesMax: 100, deadline: 250 }, breaker: false, onError: 'skip' })
    await feed(['a', '1'])
    for (let i = 0; i < 5 && task.dropped.length === 0; i++) {
      await flights.at(-1)!.fail(new Error('no'))
      await task.advance(1000)
    }
    expect([flights.length <= 3, task.dropped]).toEqual([true, ['processing']])
  })

  it('are not used up by a system that is away: one piece of work looks whether it is back, and nothing more is read', async () => {
    const breaker = { pause: { min: 1000, max: 4000 } }
    const { feed, flights, out, started, task } = openStage({ retry, breaker, onError: 'skip' })
    await feed(['a', 'a1'], ['b', 'b1'], ['c', 'c1'])
    for (const flight of [...flights]) await flight.fail(down())
    await task.advance(999)
    expect([flights.length, task.stage.full]).toEqual([3, true])
    for (let probes = 1; probes <= 20; probes++) {
      await task.advance(4000)
      expect(flights.length).toBe(3 + probes)
      await flights.at(-1)!.fail(down())
    }
    await task.advance(4000)
    await flights.at(-1)!.done()
    await task.advance(0)
    for (const flight of flights.slice(-2)) await flight.done()
    expect([out.sort(), task.dropped, task.stage.size, task.stage.full]).toEqual([['A1', 'B1', 'C1'], [], 0, false])
    expect(started().slice(0, 3)).toEqual(['a1', 'b1', 'c1'])
    expect(task.told).toEqual([expect.stringContaining('down'), expect.stringContaining('works again')])
  })

  it('of several tasks together are no more at once than inFlightTotalMax', async () => {
    const gate = gateOf({ inFlightTotalMax: 1 })
    const running: (() => void)[] = []
    const [first, second] = [new FakeTask(), new FakeTask()].map(task => {
      const work = { run: (batch: readonly In[]) => new Promise<readonly In[]>(resolve => running.push(() => resolve(batch))) }
      task.feed(
        stage<In, In>(task, () => {}, 's', unasked, { batch: { recordsMax: 1, wait: 0 } }, work, gate),
        ['a', '1'],
      )
      return task
    }) as [FakeTask, FakeTask]
    await first.settle()
    expect(running.length).toBe(1)
    running[0]!()
    await first.settle()
    expect([running.length, first.stage.size, second.stage.size]).toEqual([2, 0, 1])
  })

  it('say where their records came from: the offset, and which of its records', async () => {
    const { feed, flights, task } = openStage({ batch: { recordsMax: 3, wait: 5 } })
    await feed(['a', '1'])
    await feed(['a', '2'], ['b', '3'])
    await task.settle()
    expect(flights[0]!.places).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ])
  })
})
