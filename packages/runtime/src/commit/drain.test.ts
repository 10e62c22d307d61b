import { embedded } from '@riacho/embedded'
import { count, mapAsync, mapValues, persist, type Sink, text, to, topic, topology, toStream, tumbling } from '@riacho/streams'
import { readDeadLetter, type Topology } from '@riacho/streams/engine'
import { FakeClock } from '@riacho/testing'
import { expect, it } from 'vitest'
import type { AppOptions } from '../options.ts'
import { committed, Gate, joined, numbered, read, take, until, values, write } from '../trial.fixture.ts'

const source = topic('in', { key: text, value: text })
const out = to<string, string>('out', { value: text })

/** Lets promises settle, without a timer. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 30; i++) await new Promise(resolve => setImmediate(resolve))
}

/** An engine on a clock that stands still, with its topics filled. */
async function opened(plan: Topology, records: ReturnType<typeof numbered>, options: Partial<AppOptions> = {}) {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out', 'dead'].map(name => ({ name, partitions: 1 })))
  await write(broker, 'in', ...records)
  const clock = new FakeClock(1_000_000)
  const engine = await joined(plan, { broker, clock, ...options })
  return { broker, clock, engine }
}

/** Moves the clock until `work` is done: work that was given up is waited for a little. */
async function meanwhile(clock: FakeClock, work: Promise<unknown>): Promise<void> {
  let done = false
  const end = work.finally(() => {
    done = true
  })
  for (let i = 0; !done && i < 100; i++) {
    await settle()
    if (!done) clock.advance(100)
  }
  await end
}

/** A sink that keeps what it is given; `write` may wait or throw. */
function kept(write: (batch: readonly string[], signal: AbortSignal) => Promise<void> = async () => {}) {
  const batches: (readonly string[])[] = []
  const sink: Sink<string, string> = {
    name: 'kept',
    idempotent: true,
    write: (batch, signal) => {
      const written = batch.map(record => record.value ?? 'null')
      batches.push(written)
      return write(written, signal)
    },
  }
  return { sink, batches }
}

it('results leave in input order where a window follows, so that a slow key is not late', async () => {
  const gate = new Gate()
  const slow = mapAsync<string, string, string>(async value => (value === '0' ? gate.opened.then(() => value) : value))
  const window = tumbling(10, { grace: 0 })
  const { engine, broker } = await opened(
    topology('slow-window', source.pipe(slow, count('minutes', { window }), toStream(), to('out'))),
    numbered(40, ['a', 'b', 'c', 'd']),
  )
  await take(engine)
  const commit = engine.commitDue(true)
  await settle()
  gate.open()
  await commit
  expect(engine.counters.dropped).toEqual({})
  expect((await read(broker, 'out')).map(row => row.timestamp)).toEqual(Array.from({ length: 40 }, (_, i) => i))
  await engine.close()
})

it('a dead letter holds the record as it came, its place, its tries and its first failure', async () => {
  const broken = mapAsync<string, string, string>(
    value => (value === '1' ? Promise.reject(new Error('no such client')) : Promise.resolve(value)),
    { retry: { retriesMax: 2, backoff: { min: 100, max: 1000 } }, onError: { deadLetter: 'dead' } },
  )
  const records = numbered(3).map(record => ({ ...record, headers: [['trace', Buffer.from('t')] as const] }))
  const changed = mapValues<string, string, string>(value => String(Number(value) % 2))
  const { engine, broker, clock } = await opened(topology('dead-letters', source.pipe(changed, broken, out)), records)
  await take(engine)
  const commit = engine.commitDue(true)
  await settle()
  for (let i = 0; i < 20; i++) {
    clock.advance(100)
    await settle()
  }
  await commit
  const [dead, ...others] = await read(broker, 'dead')
  expect(others).toEqual([])
  const letter = readDeadLetter(Buffer.from(dead!.key!), Buffer.from(dead!.value!), dead!.headers)
  expect(letter).toMatchObject({ code: 'RIACHO_ASYNC', reason: 'no such client', node: 'mapAsync', topic: 'in', partition: 0, offset: 1 })
  expect(letter).toMatchObject({ timestamp: 1, attempts: 3, firstFailure: 1_000_000 })
  expect([String(letter.original.key), String(letter.original.value), letter.original.headers.length]).toEqual(['b', '1', 1])
  expect([await values(broker, 'out'), await committed(broker, 'dead-letters', 'in')]).toEqual([['0', '0'], 3])
  await engine.close()
})

it('the first failure is the time of the first failure, not of the arrival', async () => {
  const gate = new Gate()
  const broken = mapAsync<string, string, string>(() => gate.opened.then(() => Promise.reject(new Error('late no'))), {
    onError: { deadLetter: 'dead' },
  })
  const { engine, broker, clock } = await opened(topology('first', source.pipe(broken, out)), numbered(1))
  await take(engine)
  clock.advance(700)
  gate.open()
  await settle()
  await engine.commitDue(true)
  const [dead] = await read(broker, 'dead')
  expect(readDeadLetter(null, null, dead!.headers).firstFailure).toBe(1_000_700)
  await engine.close()
})

it('work is tried once and retriesMax times more, each time after a pause that grows', async () => {
  const tries: number[] = []
  const backoff = { min: 100, max: 400 }
  const { sink } = kept(() => {
    tries.push(clock.now())
    return Promise.reject(new Error('away'))
  })
  const writing = persist<string, string>(sink, { retry: { retriesMax: 3, backoff }, onError: 'skip', batch: { recordsMax: 1, wait: 0 } })
  const plan = topology('retries', source.pipe(writing, out))
  const { engine, clock } = await opened(plan, numbered(1), { limits: { commitDrainMs: 60_000 } })
  await take(engine)
  await settle()
  expect(tries).toHaveLength(1)
  for (let i = 0; i < 200; i++) {
    clock.advance(10)
    await settle()
  }
  const pauses = tries.slice(1).map((time, i) => time - tries[i]!)
  expect(pauses).toHaveLength(3)
  pauses.forEach((pause, i) => {
    expect(pause).toBeGreaterThanOrEqual(backoff.min)
    expect(pause).toBeLessThanOrEqual(Math.min(backoff.max, backoff.min * 2 ** i) + 10)
  })
  await engine.commitDue(true)
  expect([engine.counters.dropped, engine.tasks[0]!.held]).toEqual([{ processing: 1 }, 0])
  await engine.close()
})

it('a commit does not wait for a batch to fill, nor for its time', async () => {
  const { sink, batches } = kept()
  const second = kept()
  const patient = { batch: { recordsMax: 100, wait: 60_000 } }
  const plan = topology('flushing', source.pipe(persist(sink, patient), persist({ ...second.sink, name: 'second' }, patient), out))
  const { engine, broker } = await opened(plan, numbered(7))
  await take(engine)
  await settle()
  expect(batches).toEqual([])
  await engine.commitDue(true)
  expect([batches, second.batches]).toEqual(Array(2).fill([['0', '1', '2', '3', '4', '5', '6']]))
  expect([await committed(broker, 'flushing', 'in'), (await values(broker, 'out')).length]).toEqual([7, 7])
  await engine.close()
})

it('a full stage (heldMax) stops the feeding until it has room; inFlightMax and recordsMax bound its work', async () => {
  const gates: Gate[] = []
  let most = 0
  let now = 0
  const { sink, batches } = kept(async () => {
    most = Math.max(most, ++now)
    const gate = new Gate()
    gates.push(gate)
    await gate.opened
    now--
  })
  const limits = { heldMax: 10, inFlightMax: 2, batch: { recordsMax: 3, wait: 1 } }
  const plan = topology('full', source.pipe(persist(sink, limits), out))
  const keys = Array.from({ length: 50 }, (_, i) => `k${i}`)
  const { engine, broker, clock } = await opened(plan, numbered(50, keys))
  for (let turn = 0; turn < 10; turn++) await take(engine)
  expect([engine.counters.recordsIn, engine.tasks[0]!.held, gates.length]).toEqual([10, 10, 2])
  gates[0]!.open()
  await settle()
  await take(engine)
  expect([engine.counters.recordsIn, engine.tasks[0]!.held]).toEqual([13, 10])
  for (let opened = 1; engine.counters.recordsIn < 50 || engine.tasks[0]!.held > 0; ) {
    while (opened < gates.length) gates[opened++]!.open()
    await settle()
    await take(engine)
    clock.advance(1)
  }
  await engine.commitDue(true)
  expect([most, Math.max(...batches.map(batch => batch.length))]).toEqual([2, 3])
  expect([...(await values(broker, 'out'))].map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i))
  await engine.close()
})

it.each(['at-least-once', 'exactly-once'] as const)(
  '%s: work past the deadline is given up, and the task goes back to its last commit',
  async guarantee => {
    const gate = new Gate()
    const signals: AbortSignal[] = []
    let hang = true
    const slow = mapAsync<string, string, string>(
      (value, _record, signal) => {
        if (value !== '4' || !hang) return Promise.resolve(value)
        signals.push(signal)
        return gate.opened.then(() => `late ${value}`)
      },
      { order: 'partition', timeout: 1_000_000 },
    )
    const counting = source.pipe(slow, count('seen'), toStream(), to('dead'))
    const plan = topology('back', source.pipe(slow, out), counting)
    const { engine, broker, clock } = await opened(plan, numbered(8, ['a', 'b']), { guarantee })
    await take(engine, 3)
    await engine.commitDue(true)
    await take(engine)
    await settle()
    const commit = engine.commitDue(true)
    await settle()
    clock.advance(4999)
    await settle()
    expect([engine.counters.recoveries, await committed(broker, 'back', 'in')]).toEqual([0, 3])
    hang = false
    clock.advance(1)
    await meanwhile(clock, commit)
    expect([engine.counters.recoveries, signals.every(signal => signal.aborted), await committed(broker, 'back', 'in')]).toEqual([
      1,
      true,
      3,
    ])
    expect([engine.tasks[0]!.held, engine.tasks[0]!.inputs[0]!.position]).toEqual([0, 3])
    gate.open()
    await take(engine)
    await engine.commitDue(true)
    const seen = await values(broker, 'out')
    expect([await committed(broker, 'back', 'in'), engine.failure, broker.loans]).toEqual([8, undefined, 0])
    expect(seen.filter(value => value?.startsWith('late'))).toEqual([])
    if (guarantee === 'exactly-once') {
      expect(seen).toEqual(['0', '1', '2', '3', '4', '5', '6', '7'])
      expect((await read(broker, 'dead')).map(row => Buffer.from(row.value!).at(-1))).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
    } else expect(new Set(seen)).toEqual(new Set(['0', '1', '2', '3', '4', '5', '6', '7']))
    await engine.close()
  },
)

it('a backlog before slow work is worked off in portions that a commit can wait for, not given up for ever', async () => {
  const clocks: FakeClock[] = []
  const slow = mapAsync<string, string, string>((value, _record, signal) => clocks[0]!.sleep(10, signal).then(() => value), {
    inFlightMax: 4,
  })
  const plan = topology('backlog', source.pipe(slow, out))
  const { engine, broker, clock } = await opened(plan, numbered(200), { guarantee: 'exactly-once', limits: { commitDrainMs: 100 } })
  clocks.push(clock)
  for (let commits = 0; (await committed(broker, 'backlog', 'in')) !== 200; commits++) {
    expect(commits).toBeLessThan(30)
    await take(engine)
    let done = false
    const commit = engine.commitDue(true).then(() => {
      done = true
    })
    while (!done) {
      await settle()
      clock.advance(10)
    }
    await commit
  }
  expect([engine.counters.recoveries, await values(broker, 'out')]).toEqual([1, Array.from({ length: 200 }, (_, i) => String(i))])
  await engine.close()
})

it('exactly once: the deadline is at most a third of the transaction time-out', async () => {
  const slow = mapAsync<string, string, string>(() => new Promise<string>(() => {}), { timeout: 1_000_000 })
  const limits = { transactionTimeoutMs: 3000, commitDrainMs: 5000 }
  const plan = topology('third', source.pipe(slow, out))
  const { engine, clock } = await opened(plan, numbered(1), { guarantee: 'exactly-once', limits })
  await take(engine)
  const commit = engine.commitDue(true)
  await settle()
  clock.advance(1000)
  await meanwhile(clock, commit)
  expect(engine.counters.recoveries).toBe(1)
  await meanwhile(clock, engine.close())
})

it.each(['at-least-once', 'exactly-once'] as const)(
  '%s: a hand-over gives up work past its deadline and lets the task go',
  async guarantee => {
    const slow = mapAsync<string, string, string>(value => (value === '1' ? new Promise<string>(() => {}) : Promise.resolve(value)), {
      timeout: 1_000_000,
    })
    const plan = topology('handed', source.pipe(slow, out))
    const { engine, broker, clock } = await opened(plan, numbered(2), { guarantee })
    await take(engine)
    const revoked = engine.revoke([{ topic: 'in', partition: 0 }])
    await settle()
    clock.advance(2000)
    await meanwhile(clock, revoked)
    expect([engine.tasks, await committed(broker, 'handed', 'in'), broker.loans]).toEqual([[], undefined, 0])
    expect(await values(broker, 'out')).toEqual([])
    await engine.close()
  },
)

it('a record whose work fails for good stops the application, and nothing is committed past it', async () => {
  const broken = mapAsync<string, string, string>(value =>
    value === '2' ? Promise.reject(new Error('no such client')) : Promise.resolve(value),
  )
  const { engine, broker } = await opened(topology('fatal', source.pipe(broken, out)), numbered(5))
  await take(engine)
  await until('the task has failed', () => engine.failure !== undefined)
  await expect(engine.commitDue(true)).rejects.toMatchObject({
    code: 'RIACHO_ASYNC',
    place: { node: 'mapAsync', topic: 'in', partition: 0, offset: 2 },
  })
  expect(await committed(broker, 'fatal', 'in')).toBeUndefined()
  await engine.close()
})

it('work that ignores its signal has ended before the next try begins, so that an old write does not meet a new one', async () => {
  const events: string[] = []
  const first = new Gate()
  const { sink } = kept(async batch => {
    const name = `${events.filter(event => event.startsWith('begin')).length}`
    events.push(`begin ${name} ${batch.join()}`)
    if (name === '0') await first.opened
    events.push(`end ${name}`)
  })
  const writing = persist<string, string>(sink, {
    timeout: 50,
    retry: { retriesMax: 1, backoff: { min: 1, max: 1 } },
    batch: { recordsMax: 1, wait: 0 },
  })
  const { engine, clock } = await opened(topology('overlap', source.pipe(writing, out)), numbered(1), { limits: { commitDrainMs: 60_000 } })
  await take(engine)
  await settle()
  clock.advance(50)
  await settle()
  clock.advance(500)
  await settle()
  expect(events).toEqual(['begin 0 0'])
  first.open()
  await settle()
  clock.advance(1)
  await settle()
  expect(events).toEqual(['begin 0 0', 'end 0', 'begin 1 0', 'end 1'])
  await engine.commitDue(true)
  await engine.close()
})
