import { embedded } from '@riacho/embedded'
import { count, json, mapValues, type Source, type SourceRecord, source, text, to, topic, topology, toStream } from '@riacho/streams'
import { readDeadLetter } from '@riacho/streams/engine'
import { FakeClock } from '@riacho/testing'
import { describe, expect, it } from 'vitest'
import { app } from '../app.ts'
import { Line } from '../line.fixture.ts'
import type { AppEvent, AppOptions } from '../options.ts'
import { joined, read, take, until, values } from '../trial.fixture.ts'

/** A list of lines as a source: a position is the number of lines read, as text. */
class Lines implements Source<string, number> {
  readonly name = 'lines'
  readonly keyed = true
  readonly key = text
  readonly value = json<number>()
  readonly positions: 'replayable' | 'acknowledged'
  readonly lines: string[]
  /** Positions from which it was opened. */
  readonly opened: (string | null)[] = []
  readonly commits: string[] = []
  /** Most records that each read asked for. */
  readonly asked: number[] = []
  readonly parts: readonly string[]
  failures = 0
  /** Instead of saying what is left. */
  lagging: (() => Promise<number>) | undefined
  closed = 0
  #wake: () => void = () => {}

  constructor(lines: readonly string[], positions: 'replayable' | 'acknowledged' = 'replayable', parts: readonly string[] = ['one']) {
    this.lines = [...lines]
    this.positions = positions
    this.parts = parts
  }

  append(...lines: readonly string[]): void {
    this.lines.push(...lines)
    this.#wake()
  }

  partitions(): Promise<readonly string[]> {
    return Promise.resolve(this.parts)
  }

  open(partition: string, from: Uint8Array | null) {
    let next = from === null ? 0 : Number(Buffer.from(from))
    this.opened.push(from === null ? null : `${partition} ${next}`)
    return {
      read: async (recordsMax: number, signal: AbortSignal): Promise<readonly SourceRecord[]> => {
        if (this.failures > 0 && this.failures--) throw new Error('the disk is away')
        this.asked.push(recordsMax)
        while (next >= this.lines.length && !signal.aborted) {
          await new Promise<void>(resolve => {
            this.#wake = resolve
            signal.addEventListener('abort', () => resolve(), { once: true })
          })
        }
        if (signal.aborted) return []
        const portion = this.lines.slice(next, next + Math.min(recordsMax, 7))
        const records = portion.map((line, i) => {
          const offset = next + i + 1
          return {
            key: Buffer.from(partition),
            value: Buffer.from(line),
            timestamp: offset,
            headers: [],
            offset,
            position: Buffer.from(String(offset)),
          }
        })
        next += portion.length
        return records
      },
      commit: async (upTo: Uint8Array) => {
        this.commits.push(Buffer.from(upTo).toString())
      },
      lag: async () => (this.lagging === undefined ? this.lines.length - next : this.lagging()),
      close: async () => {
        this.closed++
      },
    }
  }
}

const numbers = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => String(from + i))
const planOf = (lines: Lines) =>
  topology(
    'reading',
    source(lines, { onError: { deadLetter: 'dead' } }).pipe(
      mapValues<string, number, string>(n => `n${n}`),
      to('out', { value: text }),
    ),
  )

async function laid() {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['out', 'dead'].map(name => ({ name, partitions: 1 })))
  return broker
}

/** Fetches and takes until so many records were taken in all. */
async function upTo(engine: Awaited<ReturnType<typeof joined>>, count: number): Promise<void> {
  await until(`${count} records`, async () => {
    await take(engine, Math.max(1, count - engine.counters.recordsIn))
    return engine.counters.recordsIn >= count
  })
}

const guarantees: readonly NonNullable<AppOptions['guarantee']>[] = ['at-least-once', 'exactly-once']

describe.each(guarantees)('%s', guarantee => {
  it('commits what is put aside though nothing else comes', async () => {
    const broker = await laid()
    const lines = new Lines(['no number {'])
    const engine = await joined(planOf(lines), { broker, guarantee })
    await until('the line is put aside', async () => {
      await take(engine)
      return engine.counters.deadLetters === 1
    })
    await engine.commitDue(true)
    expect(lines.commits).toEqual(['1'])
    expect(await values(broker, 'dead')).toEqual(['no number {'])
    await engine.close()
  })

  it('a restart goes on after the last commit', async () => {
    const broker = await laid()
    const lines = new Lines(numbers(30))
    const line = new Line(broker)
    const first = await joined(planOf(lines), { broker: line.broker, guarantee })
    await upTo(first, 10)
    await first.commitDue(true)
    await upTo(first, 20)
    await line.cut()
    const next = await joined(planOf(lines), { broker, guarantee })
    expect([lines.opened, lines.commits]).toEqual([[null, 'one 10'], ['10']])
    await upTo(next, 20)
    await next.commitDue(true)
    expect([await values(broker, 'out'), lines.commits]).toEqual([numbers(30).map(n => `n${n}`), ['10', '30']])
    await next.close()
  })

  it('a position becomes visible with the outputs that it covers, and a failed commit tells the source nothing', async () => {
    const broker = await laid()
    const lines = new Lines(numbers(14))
    const line = new Line(broker)
    const engine = await joined(planOf(lines), { broker: line.broker, guarantee })
    await upTo(engine, 14)
    line.failOnce(guarantee === 'exactly-once' ? 'commit' : 'flush', 1, new Error('the wire broke'))
    await expect(engine.commitDue(true)).rejects.toThrow('the wire broke')
    expect([await read(broker, 'reading-lines-positions'), await values(broker, 'out'), lines.commits]).toEqual([[], [], []])
    await line.cut()
    const next = await joined(planOf(lines), { broker, guarantee })
    await upTo(next, 14)
    await next.commitDue(true)
    const [position] = await read(broker, 'reading-lines-positions')
    expect([position!.key, position!.value, lines.commits, lines.opened]).toEqual(['one', '14', ['14'], [null, null]])
    expect(await values(broker, 'out')).toEqual(numbers(14).map(n => `n${n}`))
    await next.close()
  })
})

it('lines that come later are read, lines that are no value become dead letters with their bytes and number', async () => {
  const broker = await laid()
  const lines = new Lines(['1', '{bad', '3'])
  const running = app(planOf(lines), { broker })
  await running.start()
  await running.untilEnd()
  lines.append('4', 'worse')
  await until('it has read on', () => running.metrics().deadLetters === 2)
  await running.untilEnd()
  await running.stop()
  expect(await values(broker, 'out')).toEqual(['n1', 'n3', 'n4'])
  const dead = await read(broker, 'dead')
  expect(dead.map(row => row.value)).toEqual(['{bad', 'worse'])
  expect(dead.map(row => readDeadLetter(null, null, row.headers))).toMatchObject([
    { topic: 'lines', partition: 0, offset: 2, timestamp: 2, code: 'RIACHO_DECODE' },
    { topic: 'lines', partition: 0, offset: 5, timestamp: 5, code: 'RIACHO_DECODE' },
  ])
  expect([lines.commits.at(-1), lines.closed]).toEqual(['5', 1])
  const next = app(planOf(lines), { broker })
  await next.start()
  await next.untilEnd()
  await next.stop()
  expect([lines.opened, await values(broker, 'out')]).toEqual([
    [null, 'one 5'],
    ['n1', 'n3', 'n4'],
  ])
})

it('connectorRecordsMax bounds a read, and there is one read at a time', async () => {
  const broker = await laid()
  const lines = new Lines(numbers(20))
  const engine = await joined(planOf(lines), { broker, limits: { connectorRecordsMax: 3 } })
  for (let turn = 0; turn < 10; turn++) await engine.fetch(0)
  await until('the first read has come', () => !engine.tasks[0]!.inputs[0]!.empty)
  for (let turn = 0; turn < 10; turn++) await engine.fetch(0)
  expect(lines.asked).toEqual([3])
  await upTo(engine, 20)
  expect(new Set(lines.asked)).toEqual(new Set([3]))
  await engine.close()
})

it('a read that fails is tried again, after a pause that grows, and is said', async () => {
  const broker = await laid()
  const lines = new Lines(numbers(2))
  lines.failures = 3
  const clock = new FakeClock()
  const events: AppEvent[] = []
  const engine = await joined(planOf(lines), { broker, clock, log: event => events.push(event) })
  const pauses: number[] = []
  await until('it has read', async () => {
    await take(engine)
    if (clock.next !== undefined) {
      pauses.push(clock.next)
      clock.advance(clock.next)
    }
    return engine.counters.recordsIn === 2
  })
  expect(pauses).toEqual([200, 400, 800])
  expect(events.filter(event => event.level === 'warn').map(event => [event.source, event.failures])).toEqual(
    [1, 2, 3].map(n => ['lines', n]),
  )
  await engine.close()
})

it('each partition keeps its own position', async () => {
  const broker = await laid()
  const lines = new Lines(numbers(9), 'replayable', ['left', 'right'])
  const first = await joined(planOf(lines), { broker, guarantee: 'exactly-once' })
  await upTo(first, 18)
  await first.commitDue(true)
  await first.close()
  expect((await read(broker, 'reading-lines-positions')).map(({ partition, key, value }) => [partition, key, value])).toEqual([
    [0, 'left', '9'],
    [1, 'right', '9'],
  ])
  lines.append('9')
  const next = await joined(planOf(lines), { broker, guarantee: 'exactly-once' })
  expect([...lines.opened.slice(2)].sort()).toEqual(['left 9', 'right 9'])
  await upTo(next, 2)
  await next.commitDue(true)
  expect((await read(broker, 'out')).length).toBe(20)
  await next.close()
})

it('exactly once says what an acknowledged source cannot give', async () => {
  const broker = await laid()
  const events: AppEvent[] = []
  const engine = await joined(planOf(new Lines([], 'acknowledged')), {
    broker,
    guarantee: 'exactly-once',
    log: event => events.push(event),
  })
  expect(events.find(event => event.level === 'warn')?.message).toContain('at least once')
  await engine.close()
})

it('at least once: a position is durable after the changelog, so that no kill between the two loses a change of state', async () => {
  const broker = await laid()
  const lines = new Lines(numbers(10))
  const line = new Line(broker)
  const plan = topology('counting', source(lines).pipe(count('lines'), toStream(), to('out')))
  const first = await joined(plan, { broker: line.broker })
  await upTo(first, 10)
  line.before = call => (call === 'flush changelog' ? line.cut() : undefined)
  await expect(first.commitDue(true)).rejects.toThrow('gone')
  const next = await joined(plan, { broker })
  await upTo(next, 10)
  await next.commitDue(true)
  const totals = (await read(broker, 'counting-lines-changelog')).map(row => Buffer.from(row.value!).at(-1))
  expect([totals.at(-1), lines.opened]).toEqual([10, [null, null]])
  await next.close()
})

it.each([
  ['does not say', () => new Promise<number>(() => {})],
  ['cannot say', () => Promise.reject(new Error('the disk is away'))],
])('a system that %s what is left holds up no other number, and does not pass for a broker that is away', async (_, lagging) => {
  const broker = await laid()
  await broker.admin.createTopics([{ name: 'in', partitions: 1 }])
  const lines = new Lines(numbers(3))
  const others = topic('in', { key: text, value: text }).pipe(to('dead'))
  const running = app(
    topology('lagging', source(lines).pipe(mapValues<string, number, string>(String), to('out', { value: text })), others),
    { broker, limits: { turnMs: 5 } },
  )
  await running.start()
  const lagOf = (name: string) => running.metrics().lag.find(each => each.topic === name)?.records
  await until('both are known', () => lagOf('lines') === 0 && lagOf('in') === 0)
  lines.lagging = lagging
  for (let i = 0; i < 20; i++) {
    expect(running.unansweredMs).toBeLessThan(2500)
    await new Promise(resolve => setTimeout(resolve, 150))
  }
  expect([lagOf('lines'), lagOf('in')]).toEqual([0, 0])
  await running.stop()
})
