import { embedded } from '@riacho/embedded'
import { type Engine, Engine as MadeEngine, settings } from '@riacho/runtime'
import {
  aggregate,
  count,
  hopping,
  int64,
  type KStream,
  type KTable,
  reduce,
  type Serde,
  text,
  to,
  topic,
  topology,
  toStream,
  tumbling,
  type Windowed,
  windowedKey,
} from '@riacho/streams'
import { type Broker, BrokerError, type Membership, type Producer } from '@riacho/streams/engine'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Given, type Spans, updates, type Wanted, type Whole } from '../oracle/aggregations.ts'

/** A row that grows beyond this is deleted. */
const longest = 6
const bounded = (joined: string): string | null => (joined.length > longest ? null : joined)
const word = (value: string | null): string => value ?? '-'

const tumblingSpans: Spans = { size: 10, advance: 10, grace: 5 }
const hoppingSpans: Spans = { size: 12, advance: 5, grace: 0 }
const side = tumbling(tumblingSpans.size, tumblingSpans)
const over = hopping(hoppingSpans.size, hoppingSpans)

/** How each output is made by the engine, and what it must hold. */
const counted: Whole = values => String(values.length)
const reduced: Whole = values => (values.length === 1 ? values[0]! : bounded(values.map(word).join('')))
const aggregated: Whole = values => bounded(`>${values.map(word).join('')}`)
const outputs: Readonly<Record<string, readonly [Spans | undefined, Whole]>> = {
  count: [undefined, counted],
  reduce: [undefined, reduced],
  aggregate: [undefined, aggregated],
  'count-tumbling': [tumblingSpans, counted],
  'reduce-tumbling': [tumblingSpans, reduced],
  'aggregate-tumbling': [tumblingSpans, aggregated],
  'count-hopping': [hoppingSpans, counted],
  'aggregate-hopping': [hoppingSpans, aggregated],
}

type Value = string | null
const words = text as Serde<unknown> as Serde<Value>
const source: KStream<string, Value> = topic('in', { key: text, value: text, nulls: 'keep' })
const combine = (sum: Value, value: Value): Value => bounded(`${word(sum)}${word(value)}`)
const fold = (value: Value, sum: string): string | null => bounded(`${sum}${word(value)}`)
const start = (): string => '>'
const ended = <K, V>(name: string, table: KTable<K, V>) => table.pipe(toStream(), to(name)) as KStream<unknown, unknown>
const plan = topology(
  'simulated',
  ended('count', source.pipe(count('count'))),
  ended('reduce', source.pipe(reduce<string, Value>('reduce', combine, { value: words }))),
  ended('aggregate', source.pipe(aggregate('aggregate', start, fold, { value: text }))),
  ended('count-tumbling', source.pipe(count('count-tumbling', { window: side }))),
  ended('reduce-tumbling', source.pipe(reduce<string, Value>('reduce-tumbling', combine, { window: side, value: words }))),
  ended('aggregate-tumbling', source.pipe(aggregate('aggregate-tumbling', start, fold, { window: side, value: text }))),
  ended('count-hopping', source.pipe(count('count-hopping', { window: over }))),
  ended('aggregate-hopping', source.pipe(aggregate('aggregate-hopping', start, fold, { window: over, value: text }))),
)

/**
 * So many records are taken; then the application goes on, commits, ends without a commit, or is gone at once, uncommitted or just committed; or its commit is refused,
 * or happens and the answer is lost.
 */
interface Step {
  readonly take: number
  readonly end: 'go on' | 'commit' | 'close' | 'cut' | 'commit and cut' | 'refused' | 'lost'
}

const records: fc.Arbitrary<Given[]> = fc.array(
  fc.record({
    key: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('a', 'b', 'é') }, { weight: 1, arbitrary: fc.constant(null) }),
    value: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('x', 'y', 'z') }, { weight: 1, arbitrary: fc.constant(null) }),
    at: fc.nat(30),
  }),
  { maxLength: 60 },
)
const steps: fc.Arbitrary<Step[]> = fc
  .array(fc.record({ take: fc.nat(9), end: fc.constantFrom('go on', 'commit', 'close', 'cut', 'commit and cut', 'refused', 'lost') }), {
    maxLength: 12,
  })
  .map(survivable)

/** An engine gives up when six commits in a row fail. */
function survivable(steps: readonly Step[]): Step[] {
  let failed = 0
  return steps.map(step => {
    if (step.end === 'close' || step.end.endsWith('cut')) failed = 0
    const fails = step.end === 'refused' || step.end === 'lost'
    return fails && ++failed > 5 ? { ...step, end: 'go on' } : step
  })
}

/** Time goes on by two milliseconds a record, and each is up to 30 behind or ahead of that. */
const spread = (given: readonly Given[]): Given[] => given.map((record, i) => ({ ...record, at: Math.max(0, i * 2 + record.at - 15) }))

type Fault = 'refused' | 'lost' | undefined

/** The same producer, whose next commit fails once if `fault` says so. */
function failing(producer: Producer, fault: () => Fault): Producer {
  return {
    get bufferedBytes() {
      return producer.bufferedBytes
    },
    partition: at => producer.partition(at),
    flush: () => producer.flush(),
    sendOffsets: (member, offsets) => producer.sendOffsets(member, offsets),
    commit: async () => {
      const now = fault()
      if (now === 'refused') throw new BrokerError('TRANSACTION_ABORTABLE', 'no', { abortable: true })
      await producer.commit()
      if (now === 'lost') throw new BrokerError('REQUEST_TIMED_OUT', 'no answer', { retriable: true })
    },
    abort: () => producer.abort(),
    close: () => producer.close(),
  }
}

/** An engine, and the way to end it as kill -9 does: the group knows at once, what it has open stays open. */
async function opened(broker: Broker): Promise<{ engine: Engine; cut: () => Promise<void>; fail: (next: Fault) => void }> {
  let fault: Fault
  const due = (): Fault => {
    const now = fault
    fault = undefined
    return now
  }
  const members: Membership[] = []
  const line: Broker = {
    admin: broker.admin,
    close: () => broker.close(),
    fetcher: options => broker.fetcher(options),
    producer: async options => failing(await broker.producer(options), due),
    join: async (group, on) => {
      const member = await broker.join(group, on)
      members.push(member)
      return member
    },
  }
  const engine = new MadeEngine(plan, settings({ broker: line, guarantee: 'exactly-once', keepStreamTime: true }))
  await engine.join(
    work => work(),
    () => {},
  )
  return {
    engine,
    fail: next => {
      fault = next
    },
    cut: async () => {
      for (const member of members) await member.leave()
    },
  }
}

async function take(engine: Engine, count: number): Promise<void> {
  await engine.fetch(0)
  for (const task of engine.tasks) task.run(count, Number.POSITIVE_INFINITY)
  if (engine.failure !== undefined) throw engine.failure
}

async function play(broker: Broker, given: readonly Given[], steps: readonly Step[]): Promise<void> {
  const producer = await broker.producer({})
  for (const { key, value, at } of given) producer.partition({ topic: 'in', partition: 0 }).append(at, key, value)
  await producer.flush()
  let { engine, cut, fail } = await opened(broker)
  for (const step of [...steps, { take: Number.POSITIVE_INFINITY, end: 'commit' } as const]) {
    if (step.take > 0) await take(engine, step.take)
    fail(step.end === 'refused' || step.end === 'lost' ? step.end : undefined)
    if (step.end !== 'go on' && step.end !== 'close' && step.end !== 'cut') await engine.commitDue(true)
    if (step.end === 'close') await engine.close()
    if (step.end.endsWith('cut')) await cut()
    if (step.end === 'close' || step.end.endsWith('cut')) ({ engine, cut, fail } = await opened(broker))
  }
  await engine.close()
}

/** What stands in an output for readers of what is committed, as the recomputation writes it. */
async function standing(broker: Broker, name: string, spans: Spans | undefined): Promise<Wanted[]> {
  const at = { topic: name, partition: 0 }
  const [ends] = await broker.admin.offsets([at])
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  fetcher.add(at, 0)
  const rows: Wanted[] = []
  for (let position = 0; position < ends!.lastStable; ) {
    for (const slice of await fetcher.poll(1000)) {
      const cursor = slice.cursor()
      while (cursor.next()) {
        const raw = Uint8Array.from(cursor.keyFrame.subarray(cursor.keyStart, cursor.keyEnd))
        const value = cursor.valueStart < 0 ? null : Uint8Array.from(cursor.valueFrame.subarray(cursor.valueStart, cursor.valueEnd))
        const shown = value === null ? null : name.startsWith('count') ? String(int64.decode(value)) : text.decode(value)
        const windowed: Windowed<string> | undefined = spans && windowedKey(text, spans.size).decode(raw)
        rows.push(
          windowed === undefined
            ? { key: text.decode(raw), value: shown, at: cursor.timestamp }
            : { key: windowed.key, start: windowed.start, value: shown, at: cursor.timestamp },
        )
      }
      position = cursor.position
      slice.release()
    }
  }
  fetcher.close()
  return rows
}

const seed = Number(process.env.RIACHO_SEED ?? Math.floor(Math.random() * 2 ** 31))

it(`aggregations equal their recomputation, however often the application ends on the way (RIACHO_SEED=${seed})`, async () => {
  const runs = fc.asyncProperty(records, steps, async (drawn, steps) => {
    const given = spread(drawn)
    const broker = await embedded({ poisonLoans: true })
    await broker.admin.createTopics(['in', ...Object.keys(outputs)].map(name => ({ name, partitions: 1 })))
    await play(broker, given, steps)
    for (const [name, [spans, whole]] of Object.entries(outputs)) {
      expect([name, await standing(broker, name, spans)]).toEqual([name, updates(given, spans, whole)])
    }
    await broker.close()
  })
  await fc.assert(runs, { seed, numRuns: 400, interruptAfterTimeLimit: 15_000 })
})
