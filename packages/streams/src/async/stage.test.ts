import { describe, expect, it } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import { SinkError } from '../contract/sink.ts'
import type { RiachoError } from '../errors.ts'
import { FakeTask, unasked } from './fake-task.fixture.ts'
import { type AsyncOptions, gateOf, stage } from './stage.ts'

type In = StreamRecord<string | null, string>

interface Flight {
  readonly values: readonly string[]
  /** `RetryCount` of each record. */
  readonly counts: readonly (string | undefined)[]
  readonly places: readonly (readonly [offset: number | undefined, nth: number])[]
  readonly signal: AbortSignal
  done(): Promise<void>
  fail(error: unknown): Promise<void>
}

/** A stage whose batches end when the test says so. Values are upper case on their way out. */
function open(
  options: AsyncOptions & {
    readonly by?: 'key' | 'partition'
    readonly start?: () => Promise<void>
    readonly origins?: boolean
    readonly written?: boolean
  },
) {
  const task = new FakeTask()
  const flights: Flight[] = []
  const out: string[] = []
  const { by = 'key', start, origins = false, ...rest } = options
  const input = stage<In, string>(
    task,
    value => out.push(value),
    'slow',
    { ...unasked, order: by, origins },
    { batch: { recordsMax: 1, wait: 0 }, ...rest },
    {
      ...(start && { open: start }),
      ...(rest.written && { written: record => record.value.toUpperCase() }),
      run: (batch, signal, tried, places) =>
        new Promise((resolve, reject) => {
          const values = batch.map(record => record.value)
          const settle = (end: () => void) => () => {
            end()
            return task.settle()
          }
          flights.push({
            values,
            counts: tried.map(({ headers }) => headers.map(([name, raw]) => `${name}=${raw}`).join() || undefined),
            places: batch.map((_, i) => [places.position(i)?.offset, places.nth(i)]),
            signal,
            done: settle(() => resolve(values.map(value => value.toUpperCase()))),
            fail: error => settle(() => reject(error))(),
          })
        }),
    },
  )
  const feed = async (...records: readonly (readonly [string | null, string])[]) => {
    task.feed(input, ...records)
    await task.settle()
  }
  return { task, flights, out, feed, started: () => flights.map(flight => flight.values.join('')) }
}

describe('order', () => {
  it('by key: results go on as they come, those of a key in order', async () => {
    const { flights, out, feed, started, task } = open({})
    await feed(['a', 'a1'], ['b', 'b1'], ['a', 'a2'])
    expect(started()).toEqual(['a1', 'b1'])
    await flights[1]!.done()
    expect(out).toEqual(['B1'])
    await flights[0]!.done()
    await flights[2]!.done()
    expect([out, started(), task.stage.size]).toEqual([['B1', 'A1', 'A2'], ['a1', 'b1', 'a2'], 0])
  })

  it('by partition: results wait for those before them', async () => {
    const { flights, out, feed, task } = open({ by: 'partition' })
    await feed(['a', 'a1'], ['b', 'b1'], ['c', 'c1'])
    await flights[2]!.done()
    await flights[1]!.done()
    expect([out, task.stage.size]).toEqual([[], 3])
    await flights[0]!.done()
    expect([out, task.stage.size]).toEqual([['A1', 'B1', 'C1'], 0])
  })

  it('null keys have a lane each', async () => {
    const { feed, started } = open({})
    await feed([null, '1'], [null, '2'], ['a', '3'])
    expect(started()).toEqual(['1', '2', '3'])
  })

  it('a record that found no free place stays before those of its key that came later', async () => {
    const { flights, feed, started } = open({ inFlightMax: 2 })
    await feed(['x', 'x1'], ['y', 'y1'], ['a', 'a1'], ['a', 'a2'])
    await flights[0]!.done()
    await feed(['a', 'a3'])
    await flights[1]!.done()
    await flights[2]!.done()
    await flights[3]!.done()
    expect(started()).toEqual(['x1', 'y1', 'a1', 'a2', 'a3'])
  })

  it('the rest of a full batch stays before those of its key that came later', async () => {
    const { flights, feed, started, task } = open({ batch: { recordsMax: 2, wait: 5 } })
    await feed(['a', 'a1'], ['a', 'a2'], ['a', 'a3'])
    await feed(['a', 'a4'])
    await task.advance(5)
    await flights[0]!.done()
    expect(started()).toEqual(['a1a2', 'a3a4'])
  })
})

describe('batches', () => {
  it('start when they are full', async () => {
    const { feed, started } = open({ batch: { recordsMax: 3, wait: 20 } })
    await feed(['a', '1'], ['b', '2'])
    expect(started()).toEqual([])
    await feed(['a', '3'], ['c', '4'])
    expect(started()).toEqual(['123'])
  })

  it('start when their first record has waited long enough', async () => {
    const { feed, started, task } = open({ batch: { recordsMax: 3, wait: 20 } })
    await feed(['a', '1'])
    await task.advance(19)
    expect(started()).toEqual([])
    await task.advance(1)
    expect(started()).toEqual(['1'])
  })

  it('start at a flush, together with what comes until the stage is empty', async () => {
    const { feed, flights, started, task } = open({ batch: { recordsMax: 3, wait: 20 } })
    await feed(['a', '1'])
    task.stage.flush()
    await task.settle()
    await feed(['b', '2'])
    expect(started()).toEqual(['1', '2'])
    await flights[0]!.done()
    await flights[1]!.done()
    await feed(['c', '3'])
    expect(started()).toEqual(['1', '2'])
  })

  it('are no more at once than inFlightMax', async () => {
    const { feed, flights, started, task } = open({ inFlightMax: 2 })
    await feed(['a', '1'], ['b', '2'], ['c', '3'])
    expect(started()).toEqual(['1', '2'])
    await flights[0]!.done()
    expect([started(), task.stage.size]).toEqual([['1', '2', '3'], 2])
  })

  it('the stage is full at heldMax records', async () => {
    const { feed, flights, task } = open({ heldMax: 2 })
    await feed(['a', '1'])
    expect(task.stage.full).toBe(false)
    await feed(['a', '2'])
    expect(task.stage.full).toBe(true)
    await flights[0]!.done()
    expect(task.stage.full).toBe(false)
  })

  it('progress is what makes the stage smaller', async () => {
    const { feed, flights, task } = open({})
    await task.stage.progress()
    await feed(['a', '1'])
    let moved = false
    void task.stage.progress().then(() => {
      moved = true
    })
    await task.settle()
    expect(moved).toBe(false)
    await flights[0]!.done()
    expect(moved).toBe(true)
  })
})

describe('failures', () => {
  const retry = { retriesMax: 3, backoff: { min: 100, max: 250 } }

  it('are tried again with a growing wait, then given up', async () => {
    const { feed, flights, task } = open({ retry, onError: 'skip', timeout: 7 })
    await feed(['a', '1'])
    for (let i = 0; i < 4; i++) {
      await flights[i]!.fail(new Error('no'))
      await task.advance(250)
    }
    const pauses = task.sleeps.filter(duration => duration !== 7)
    expect(pauses).toHaveLength(3)
    expect(pauses[0]).toBe(100)
    expect(pauses[1]).toBeLessThanOrEqual(200)
    expect(pauses.every(pause => pause >= 100 && pause <= 250)).toBe(true)
    expect([flights.length, task.dropped, task.stage.size]).toEqual([4, ['processing'], 0])
  })

  it('stop the task by default, and nothing after the failed record goes on', async () => {
    const { feed, flights, out, task } = open({ by: 'partition' })
    await feed(['a', '1'], ['b', '2'])
    await flights[0]!.fail(new Error('no'))
    await flights[1]!.done()
    const [failure] = task.failures as RiachoError[]
    expect(failure).toMatchObject({ code: 'RIACHO_ASYNC', place: { node: 'slow', topic: 'in', offset: 0 }, cause: { message: 'no' } })
    expect([out, task.stage.size > 0]).toEqual([[], true])
  })

  it('that stop the task let no record pass: none of the key, none of the batch', async () => {
    const keyed = open({})
    await keyed.feed(['a', '1'], ['a', '2'], ['a', '3'])
    await keyed.flights[0]!.fail(new Error('no'))
    expect([keyed.started(), keyed.task.failures.length]).toEqual([['1'], 1])
    const batched = open({ batch: { recordsMax: 3, wait: 20 } })
    await batched.feed(['a', '1'], ['a', '2'], ['a', '3'])
    await batched.flights[0]!.fail(new SinkError('poison', 'one of them'))
    await batched.flights[1]!.fail(new SinkError('poison', 'this one'))
    expect([batched.started(), batched.task.failures.length]).toEqual([['123', '1'], 1])
  })

  it('become dead letters of the record that failed', async () => {
    const { feed, flights, out, task } = open({ by: 'partition', onError: { deadLetter: 'dead' }, origins: true })
    await feed(['a', '1'], ['b', '2'])
    await flights[0]!.fail(new Error('no'))
    await flights[1]!.done()
    expect(out).toEqual(['2'])
    expect(task.deadLetters).toMatchObject([
      { topic: 'dead', code: 'RIACHO_ASYNC', reason: 'no', node: 'slow', attempts: 1, at: { offset: 0, headers: [] } },
    ])
  })

  it('that cannot be helped are not tried again', async () => {
    const { feed, flights, task } = open({ retry, onError: 'skip', batch: { recordsMax: 2, wait: 0 } })
    await feed(['a', '1'])
    await flights[0]!.fail(new SinkError('permanent', 'no'))
    expect([flights.length, task.dropped]).toEqual([1, ['processing']])
  })

  it('of one poisonous record are found by writing each alone', async () => {
    const { feed, flights, out, started, task } = open({ retry, onError: { deadLetter: 'dead' }, batch: { recordsMax: 3, wait: 5 } })
    await feed(['a', '1'], ['a', '2'], ['b', '3'])
    await flights[0]!.fail(new SinkError('poison', 'bad row'))
    await flights[1]!.done()
    await flights[2]!.fail(new SinkError('poison', 'bad row'))
    await flights[3]!.done()
    expect([started(), out]).toEqual([
      ['123', '1', '2', '3'],
      ['1', '3'],
    ])
    expect(task.deadLetters).toMatchObject([{ reason: 'bad row', attempts: 1, at: { offset: 1 } }])
    expect(task.stage.size).toBe(0)
  })

  it('by time: a try has a timeout, its signal is aborted, and its late result is ignored', async () => {
    const { feed, flights, out, task } = open({ timeout: 50, onError: 'skip' })
    await feed(['a', '1'])
    await task.advance(50)
    expect([flights[0]!.signal.aborted, task.dropped]).toEqual([true, []])
    await task.advance(1000)
    expect(task.dropped).toEqual(['processing'])
    await flights[0]!.done()
    expect([out, task.stage.size]).toEqual([[], 0])
  })

  it('of opening stop the task, whatever the policy for records', async () => {
    let opened = 0
    const start = async () => {
      opened++
      throw new SinkError('transient', 'no such host')
    }
    const { feed, flights, task } = open({ start, retry: { retriesMax: 1 }, onError: { deadLetter: 'dead' } })
    await feed(['a', '1'], ['b', '2'])
    await task.advance(100)
    expect(task.failures[0]).toMatchObject({ code: 'RIACHO_ASYNC', message: expect.stringContaining('no such host') })
    expect([opened, flights.length, task.deadLetters, task.stage.size]).toEqual([2, 0, [], 2])
  })
})

describe('tries', () => {
  const retry = { retriesMax: 5, backoff: { min: 100, max: 1000 } }
  const down = () => new SinkError('transient', 'down', { away: true })

  it('are six for five retries, counted in a header that the result does not have', async () => {
    const { feed, flights, out, task } = open({ retry, breaker: false, origins: true, onError: { deadLetter: 'dead' } })
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
    const { feed, flights, out, started, task } = open({ retry, inFlightMax: 1 })
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
    const { feed, flights, out, started, task } = open({
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

  it('end at the deadline', async () => {
    const { feed, flights, task } = open({ retry: { ...retry, retriesMax: 100, deadline: 250 }, breaker: false, onError: 'skip' })
    await feed(['a', '1'])
    for (let i = 0; i < 5 && task.dropped.length === 0; i++) {
      await flights.at(-1)!.fail(new Error('no'))
      await task.advance(1000)
    }
    expect([flights.length <= 3, task.dropped]).toEqual([true, ['processing']])
  })

  it('are not used up by a system that is away: one piece of work looks whether it is back, and nothing more is read', async () => {
    const breaker = { pause: { min: 1000, max: 4000 } }
    const { feed, flights, out, started, task } = open({ retry, breaker, onError: 'skip' })
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
    const { feed, flights, task } = open({ batch: { recordsMax: 3, wait: 5 } })
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

describe('abort', () => {
  it('gives up all work and ignores what comes late', async () => {
    const { feed, flights, out, task } = open({ by: 'partition', batch: { recordsMax: 1, wait: 0 } })
    await feed(['a', '1'], ['a', '2'])
    task.stage.abort()
    expect([task.stage.size, flights[0]!.signal.aborted]).toEqual([0, true])
    await flights[0]!.done()
    expect([out, task.failures]).toEqual([[], []])
    await feed(['a', '3'])
    await flights[1]!.done()
    expect(out).toEqual(['3'])
  })

  it('ends a wait for the next try', async () => {
    const { feed, flights, task } = open({ retry: { retriesMax: 5 } })
    await feed(['a', '1'])
    await flights[0]!.fail(new Error('no'))
    task.stage.abort()
    await task.advance(1_000_000)
    expect([flights.length, task.failures]).toEqual([1, []])
  })

  it('opens once, and closes what it opened', async () => {
    const calls: string[] = []
    const task = new FakeTask()
    const input = stage<In, In>(
      task,
      () => {},
      's',
      unasked,
      { batch: { recordsMax: 1, wait: 0 } },
      {
        open: async () => void calls.push('open'),
        run: async batch => batch,
        close: async () => void calls.push('close'),
      },
    )
    await task.stage.close()
    expect(calls).toEqual([])
    task.feed(input, ['a', '1'], ['b', '2'])
    await task.settle()
    await task.stage.close()
    await task.stage.close()
    expect(calls).toEqual(['open', 'close'])
  })
})
