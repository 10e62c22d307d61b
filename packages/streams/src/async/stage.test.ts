import { describe, expect, it } from 'vitest'
import { SinkError } from '../contract/sink.ts'
import type { RiachoError } from '../errors.ts'
import { FakeTask, unasked } from './fake-task.fixture.ts'
import { type In, openStage } from './stage.fixture.ts'
import { stage } from './stage.ts'

describe('order', () => {
  it('by key: results go on as they come, those of a key in order', async () => {
    const { flights, out, feed, started, task } = openStage({})
    await feed(['a', 'a1'], ['b', 'b1'], ['a', 'a2'])
    expect(started()).toEqual(['a1', 'b1'])
    await flights[1]!.done()
    expect(out).toEqual(['B1'])
    await flights[0]!.done()
    await flights[2]!.done()
    expect([out, started(), task.stage.size]).toEqual([['B1', 'A1', 'A2'], ['a1', 'b1', 'a2'], 0])
  })

  it('by partition: results wait for those before them', async () => {
    const { flights, out, feed, task } = openStage({ by: 'partition' })
    await feed(['a', 'a1'], ['b', 'b1'], ['c', 'c1'])
    await flights[2]!.done()
    await flights[1]!.done()
    expect([out, task.stage.size]).toEqual([[], 3])
    await flights[0]!.done()
    expect([out, task.stage.size]).toEqual([['A1', 'B1', 'C1'], 0])
  })

  it('null keys have a lane each', async () => {
    const { feed, started } = openStage({})
    await feed([null, '1'], [null, '2'], ['a', '3'])
    expect(started()).toEqual(['1', '2', '3'])
  })

  it('a record that found no free place stays before those of its key that came later', async () => {
    const { flights, feed, started } = openStage({ inFlightMax: 2 })
    await feed(['x', 'x1'], ['y', 'y1'], ['a', 'a1'], ['a', 'a2'])
    await flights[0]!.done()
    await feed(['a', 'a3'])
    await flights[1]!.done()
    await flights[2]!.done()
    await flights[3]!.done()
    expect(started()).toEqual(['x1', 'y1', 'a1', 'a2', 'a3'])
  })

  it('the rest of a full batch stays before those of its key that came later', async () => {
    const { flights, feed, started, task } = openStage({ batch: { recordsMax: 2, wait: 5 } })
    await feed(['a', 'a1'], ['a', 'a2'], ['a', 'a3'])
    await feed(['a', 'a4'])
    await task.advance(5)
    await flights[0]!.done()
    expect(started()).toEqual(['a1a2', 'a3a4'])
  })
})

describe('batches', () => {
  it('start when they are full', async () => {
    const { feed, started } = openStage({ batch: { recordsMax: 3, wait: 20 } })
    await feed(['a', '1'], ['b', '2'])
    expect(started()).toEqual([])
    await feed(['a', '3'], ['c', '4'])
    expect(started()).toEqual(['123'])
  })

  it('start when their first record has waited long enough', async () => {
    const { feed, started, task } = openStage({ batch: { recordsMax: 3, wait: 20 } })
    await feed(['a', '1'])
    await task.advance(19)
    expect(started()).toEqual([])
    await task.advance(1)
    expect(started()).toEqual(['1'])
  })

  it('start at a flush, together with what comes until the stage is empty', async () => {
    const { feed, flights, started, task } = openStage({ batch: { recordsMax: 3, wait: 20 } })
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
    const { feed, flights, started, task } = openStage({ inFlightMax: 2 })
    await feed(['a', '1'], ['b', '2'], ['c', '3'])
    expect(started()).toEqual(['1', '2'])
    await flights[0]!.done()
    expect([started(), task.stage.size]).toEqual([['1', '2', '3'], 2])
  })

  it('the stage is full at heldMax records', async () => {
    const { feed, flights, task } = openStage({ heldMax: 2 })
    await feed(['a', '1'])
    expect(task.stage.full).toBe(false)
    await feed(['a', '2'])
    expect(task.stage.full).toBe(true)
    await flights[0]!.done()
    expect(task.stage.full).toBe(false)
  })

  it('progress is what makes the stage smaller', async () => {
    const { feed, flights, task } = openStage({})
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
    const { feed, flights, task } = openStage({ retry, onError: 'skip', timeout: 7 })
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
    const { feed, flights, out, task } = openStage({ by: 'partition' })
    await feed(['a', '1'], ['b', '2'])
    await flights[0]!.fail(new Error('no'))
    await flights[1]!.done()
    const [failure] = task.failures as RiachoError[]
    expect(failure).toMatchObject({ code: 'RIACHO_ASYNC', place: { node: 'slow', topic: 'in', offset: 0 }, cause: { message: 'no' } })
    expect([out, task.stage.size > 0]).toEqual([[], true])
  })

  it('that stop the task let no record pass: none of the key, none of the batch', async () => {
    const keyed = openStage({})
    await keyed.feed(['a', '1'], ['a', '2'], ['a', '3'])
    await keyed.flights[0]!.fail(new Error('no'))
    expect([keyed.started(), keyed.task.failures.length]).toEqual([['1'], 1])
    const batched = openStage({ batch: { recordsMax: 3, wait: 20 } })
    await batched.feed(['a', '1'], ['a', '2'], ['a', '3'])
    await batched.flights[0]!.fail(new SinkError('poison', 'one of them'))
    await batched.flights[1]!.fail(new SinkError('poison', 'this one'))
    expect([batched.started(), batched.task.failures.length]).toEqual([['123', '1'], 1])
  })

  it('become dead letters of the record that failed', async () => {
    const { feed, flights, out, task } = openStage({ by: 'partition', onError: { deadLetter: 'dead' }, origins: true })
    await feed(['a', '1'], ['b', '2'])
    await flights[0]!.fail(new Error('no'))
    await flights[1]!.done()
    expect(out).toEqual(['2'])
    expect(task.deadLetters).toMatchObject([
      { topic: 'dead', code: 'RIACHO_ASYNC', reason: 'no', node: 'slow', attempts: 1, at: { offset: 0, headers: [] } },
    ])
  })

  it('that cannot be helped are not tried again', async () => {
    const { feed, flights, task } = openStage({ retry, onError: 'skip', batch: { recordsMax: 2, wait: 0 } })
    await feed(['a', '1'])
    await flights[0]!.fail(new SinkError('permanent', 'no'))
    expect([flights.length, task.dropped]).toEqual([1, ['processing']])
  })

  it('of one poisonous record are found by writing each alone', async () => {
    const { feed, flights, out, started, task } = openStage({ retry, onError: { deadLetter: 'dead' }, batch: { recordsMax: 3, wait: 5 } })
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
    const { feed, flights, out, task } = openStage({ timeout: 50, onError: 'skip' })
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
    const { feed, flights, task } = openStage({ start, retry: { retriesMax: 1 }, onError: { deadLetter: 'dead' } })
    await feed(['a', '1'], ['b', '2'])
    await task.advance(100)
    expect(task.failures[0]).toMatchObject({ code: 'RIACHO_ASYNC', message: expect.stringContaining('no such host') })
    expect([opened, flights.length, task.deadLetters, task.stage.size]).toEqual([2, 0, [], 2])
  })
})

describe('abort', () => {
  it('gives up all work and ignores what comes late', async () => {
    const { feed, flights, out, task } = openStage({ by: 'partition', batch: { recordsMax: 1, wait: 0 } })
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
    const { feed, flights, task } = openStage({ retry: { retriesMax: 5 } })
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
