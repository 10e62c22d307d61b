import { embedded } from '@riacho/embedded'
import { count, mapAsync, mapValues, RiachoError, text, to, topic, topology, toStream } from '@riacho/streams'
import { BrokerError, type Topology } from '@riacho/streams/engine'
import { describe, expect, it } from 'vitest'
import { app } from './app.ts'
import { mayFollow, type State, transitions } from './lifecycle.ts'
import { Line } from './line.fixture.ts'
import type { AppEvent, AppOptions } from './options.ts'
import { committed, Gate, numbered, read, until, values, write } from './trial.fixture.ts'

const source = topic('in', { key: text, value: text })
const out = to<string, string>('out', { value: text })
const passing = topology(
  'passing',
  source.pipe(
    mapValues(value => `${value}!`),
    out,
  ),
)

async function laid(records = 0, partitions = 1) {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out'].map(name => ({ name, partitions })))
  await write(broker, 'in', ...numbered(records))
  return broker
}

/** An application, and the states that it says it enters. */
function made(plan: Topology, options: AppOptions) {
  const states: State[] = []
  const log = (event: AppEvent): void => {
    if (event.state !== undefined) states.push(event.state as State)
  }
  return { application: app(plan, { ...options, log }), states }
}

describe('the table of transitions', () => {
  const states = Object.keys(transitions) as State[]

  it('lets every state be reached, and lead to an end', () => {
    const reach = (from: State, seen = new Set<State>()): Set<State> => {
      if (!seen.has(from)) for (const next of transitions[from]) reach(next, seen.add(from))
      return seen.add(from)
    }
    expect(reach('CREATED')).toEqual(new Set(states))
    for (const state of states) {
      const ends = [...reach(state)].filter(end => transitions[end].length === 0)
      expect(ends.length).toBeGreaterThan(0)
    }
  })

  it.each(states)('from %s an application goes only where it says', from => {
    expect(states.filter(to => mayFollow(from, to))).toEqual(states.filter(to => transitions[from].includes(to)))
  })
})

describe.each(['at-least-once', 'exactly-once'] as const)('%s', guarantee => {
  it('starts, processes what is there and what comes, stops, and goes on where it stopped', async () => {
    const broker = await laid(10)
    const { application, states } = made(passing, { broker, guarantee })
    expect(application.state).toBe('CREATED')
    await application.start()
    await application.untilEnd()
    expect([(await values(broker, 'out')).length, await committed(broker, 'passing', 'in')]).toEqual([10, 10])
    await write(broker, 'in', ...numbered(5, ['a'], 10))
    await application.untilEnd()
    await application.stop()
    await application.done
    expect(states).toEqual(['REBALANCING', 'RUNNING', 'PENDING_SHUTDOWN', 'NOT_RUNNING'])
    await write(broker, 'in', ...numbered(5, ['a'], 15))
    const next = app(passing, { broker, guarantee })
    await next.start()
    await next.untilEnd()
    await next.stop()
    expect(await values(broker, 'out')).toEqual(Array.from({ length: 20 }, (_, i) => `${i}!`))
    expect(broker.loans).toBe(0)
  })

  it('stops in the middle of work: what was begun is finished and committed, nothing more, and nothing twice', async () => {
    const broker = await laid(2000)
    const slow = mapAsync<string, string, string>(value => new Promise(resolve => setImmediate(() => resolve(value))), {
      order: 'partition',
      inFlightMax: 8,
      heldMax: 50,
    })
    const plan = topology('stopped', source.pipe(slow, out))
    for (let run = 0; run < 3; run++) {
      const part = app(plan, { broker, guarantee })
      await part.start()
      await until('some are done', () => part.metrics().recordsOut > 200)
      await part.stop()
      const done = (await values(broker, 'out')).length
      expect(await committed(broker, 'stopped', 'in')).toBe(done)
      expect(part.metrics()).toMatchObject({ held: 0, bufferedBytes: 0 })
    }
    const rest = app(plan, { broker, guarantee })
    await rest.start()
    await rest.untilEnd()
    await rest.stop()
    expect(await values(broker, 'out')).toEqual(Array.from({ length: 2000 }, (_, i) => String(i)))
  })

  it('an error in user code stops it with its place, and nothing is committed past it', async () => {
    const broker = await laid(10)
    const broken = mapValues<string, string, string>(value => {
      if (value === '6') throw new Error('seven is too many')
      return value
    })
    const plan = topology('broken', source.pipe(broken, out))
    const { application, states } = made(plan, { broker, guarantee, commitIntervalMs: 0 })
    await application.start()
    const error = await application.done.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(RiachoError)
    expect(error).toMatchObject({
      code: 'RIACHO_PROCESSING',
      place: { node: 'mapValues', topic: 'in', partition: 0, offset: 6 },
      cause: { message: 'seven is too many' },
    })
    expect([application.state, states.slice(-2)]).toEqual(['ERROR', ['PENDING_ERROR', 'ERROR']])
    expect((await committed(broker, 'broken', 'in')) ?? 0).toBeLessThanOrEqual(6)
    expect((await values(broker, 'out')).filter(value => Number(value) > 5)).toEqual([])
    await expect(application.stop()).rejects.toBe(error)
    const mended = app(topology('broken', source.pipe(out)), { broker, guarantee })
    await mended.start()
    await mended.untilEnd()
    await mended.stop()
    const seen = await values(broker, 'out')
    if (guarantee === 'exactly-once') expect(seen).toEqual(numbered(10).map(record => record.value))
    else expect(new Set(seen)).toEqual(new Set(numbered(10).map(record => record.value)))
  })
})

it('starts once', async () => {
  const broker = await laid()
  const application = app(passing, { broker })
  await application.start()
  await expect(application.start()).rejects.toMatchObject({ code: 'RIACHO_STATE' })
  expect(application.state).toBe('RUNNING')
  await application.stop()
  await expect(application.start()).rejects.toMatchObject({ code: 'RIACHO_STATE' })
})

it('stops without ever having started', async () => {
  const { application, states } = made(passing, { broker: await laid() })
  await application.stop()
  await application.done
  expect(states).toEqual(['PENDING_SHUTDOWN', 'NOT_RUNNING'])
})

it('is asked to stop again while it stops', async () => {
  const broker = await laid(3)
  const gate = new Gate()
  const slow = mapAsync<string, string, string>(value => gate.opened.then(() => value))
  const { application, states } = made(topology('twice', source.pipe(slow, out)), { broker })
  await application.start()
  await until('work has begun', () => application.metrics().held > 0)
  const asked = [application.stop(), application.stop()]
  await until('it stops', () => application.state === 'PENDING_SHUTDOWN')
  asked.push(application.stop())
  gate.open()
  asked.push(application.stop())
  await Promise.all(asked)
  await application.stop()
  expect(states).toEqual(['REBALANCING', 'RUNNING', 'PENDING_SHUTDOWN', 'NOT_RUNNING'])
  expect(await values(broker, 'out')).toEqual(['0', '1', '2'])
})

it('is asked to stop while it closes', async () => {
  const line = new Line(await laid(3))
  const { application, states } = made(passing, { broker: line.broker })
  const again: Promise<void>[] = []
  line.before = call => {
    if (call === 'leave') again.push(application.stop())
  }
  await application.start()
  await application.stop()
  await Promise.all(again)
  expect([again.length, states]).toEqual([1, ['REBALANCING', 'RUNNING', 'PENDING_SHUTDOWN', 'NOT_RUNNING']])
})

it('is asked to stop while it starts: it leaves the group and opens nothing that stays open', async () => {
  const broker = await laid(3)
  const line = new Line(broker)
  const gate = new Gate()
  let opening = false
  line.before = call => {
    if (call !== 'producer') return
    opening = true
    return gate.opened
  }
  const { application, states } = made(passing, { broker: line.broker })
  const started = application.start().catch((error: unknown) => error)
  await until('it opens its task', () => opening)
  const stopped = application.stop()
  gate.open()
  await Promise.all([started, stopped])
  expect([application.state, states.includes('RUNNING'), line.calls.includes('leave')]).toEqual(['NOT_RUNNING', false, true])
  const next = app(passing, { broker })
  await next.start()
  await next.untilEnd()
  await next.stop()
  expect(await values(broker, 'out')).toEqual(['0!', '1!', '2!'])
})

it('cannot start when it cannot reach what it needs: start and done reject with the reason', async () => {
  const broker = await embedded({ autoCreateTopics: false })
  const { application, states } = made(passing, { broker })
  await expect(application.start()).rejects.toMatchObject({ code: 'RIACHO_TOPIC_MISSING', place: { topic: 'in' } })
  await expect(application.done).rejects.toMatchObject({ code: 'RIACHO_TOPIC_MISSING' })
  expect(states).toEqual(['REBALANCING', 'PENDING_ERROR', 'ERROR'])
})

it('refuses internal topics that do not fit its input any more', async () => {
  const plan = topology('grown', source.pipe(count('counts'), toStream(), to('out')))
  const broker = await laid(0, 3)
  await broker.admin.createTopics([{ name: 'grown-counts-changelog', partitions: 2 }])
  await expect(app(plan, { broker }).start()).rejects.toMatchObject({ code: 'RIACHO_TOPIC_PARTITIONS' })
})

it('fails when the broker fails, closes all the same, and leaves the partitions to another', async () => {
  const broker = await laid(100, 2)
  const line = new Line(broker)
  const { application } = made(passing, { broker: line.broker, guarantee: 'exactly-once', commitIntervalMs: 0 })
  line.before = call => {
    if (call === 'commit' || call === 'abort') throw new Error('the wire broke')
  }
  await application.start()
  await expect(application.done).rejects.toThrow('the wire broke')
  expect([application.state, line.calls.includes('leave')]).toEqual(['ERROR', true])
  const next = app(passing, { broker, guarantee: 'exactly-once' })
  await next.start()
  await next.untilEnd()
  await next.stop()
  expect((await read(broker, 'out')).length).toBe(100)
})

it("stops when what it would read next is gone and its policy is 'none'", async () => {
  const broker = await laid(10)
  const first = app(passing, { broker })
  await first.start()
  await first.untilEnd()
  await first.stop()
  await write(broker, 'in', ...numbered(10, ['a'], 10))
  await broker.admin.deleteRecords([{ topic: 'in', partition: 0, offset: 15 }])
  const next = app(passing, { broker, offsetReset: 'none' })
  await next.start()
  await expect(next.done).rejects.toMatchObject({ code: 'RIACHO_OFFSET_RESET', place: { topic: 'in', partition: 0 } })
  expect([next.state, await committed(broker, 'passing', 'in')]).toEqual(['ERROR', 10])
})

it('reads what came while it restored', async () => {
  const broker = await laid(50)
  const plan = topology('restoring', source.pipe(count('counts'), toStream(), to('out')))
  const first = app(plan, { broker, guarantee: 'exactly-once' })
  await first.start()
  await first.untilEnd()
  await first.stop()
  const line = new Line(broker)
  let written = false
  line.before = async call => {
    if (call !== 'poll' || written) return
    written = true
    await write(broker, 'in', ...numbered(7, ['a'], 50))
  }
  const next = app(plan, { broker: line.broker, guarantee: 'exactly-once' })
  await next.start()
  await next.untilEnd()
  await next.stop()
  expect((await read(broker, 'out')).length).toBe(57)
  expect(Buffer.from((await read(broker, 'out')).at(-1)!.raw!).at(-1)).toBe(17 + 7)
})

it('what waits for it learns of its end', async () => {
  const broker = await laid(1)
  const plan = topology(
    'never',
    source.pipe(
      mapAsync<string, string, string>(() => Promise.reject(new Error('no'))),
      out,
    ),
  )
  const application = app(plan, { broker })
  await application.start()
  await expect(application.untilEnd()).rejects.toMatchObject({ code: 'RIACHO_ASYNC' })
})

it('the end is not there before it runs: untilEnd waits while it starts, and refuses what was not started', async () => {
  const broker = await laid(50)
  const application = app(passing, { broker })
  await expect(application.untilEnd()).rejects.toMatchObject({ code: 'RIACHO_STATE' })
  const started = application.start()
  await application.untilEnd()
  expect((await read(broker, 'out')).length).toBe(50)
  await started
  await application.stop()
})

it('goes on when only its lag cannot be asked for', async () => {
  const broker = await laid(1)
  const line = new Line(broker)
  const { application } = made(passing, { broker: line.broker, commitIntervalMs: 1 })
  await application.start()
  let refused = 0
  line.before = call => {
    if (call !== 'offsets') return
    refused++
    throw new Error('the numbers are away')
  }
  await until('the lag is asked for twice', () => refused > 1)
  await write(broker, 'in', ...numbered(1))
  await until('it goes on', async () => (await read(broker, 'out')).length === 2)
  line.before = () => {}
  await application.stop()
  expect(application.state).toBe('NOT_RUNNING')
})

it('fails of one thing only when its partitions are lost in the same moment', async () => {
  const { broker } = new Line(await laid(1))
  const line = new Line({
    ...broker,
    join: (group, on) => {
      line.before = call => {
        if (call !== 'poll' || application.state !== 'RUNNING') return
        on.lost([{ topic: 'in', partition: 0 }], new BrokerError('UNKNOWN_MEMBER_ID', 'the member is gone', { fenced: true }))
        throw new Error('the wire broke')
      }
      return broker.join(group, on)
    },
  })
  const { application } = made(passing, { broker: line.broker })
  const unhandled: unknown[] = []
  const listen = (reason: unknown): number => unhandled.push(reason)
  process.on('unhandledRejection', listen)
  await application.start()
  await expect(application.done).rejects.toThrow('the wire broke')
  await new Promise(resolve => setTimeout(resolve, 1))
  process.off('unhandledRejection', listen)
  expect(unhandled).toEqual([])
})
