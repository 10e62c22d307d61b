import { embedded } from '@riacho/embedded'
import type { Engine } from '@riacho/runtime'
import { joinForeignKey, type KTable, leftJoinForeignKey, type Stream, table, text, to, topology, toStream } from '@riacho/streams'
import type { Broker } from '@riacho/streams/engine'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { joined, read, take, write } from '../../packages/runtime/src/trial.fixture.ts'
import { foreignKeyOf, type Given, joinOf, type Kind, paired, updatesOf } from '../oracle/foreign-key.ts'
import { allRestarts, type Played, played } from './restarts.fixture.ts'

const kinds: Readonly<Record<string, Kind>> = { 'inner-joined': 'inner', 'all-joined': 'inner, all deletions', 'left-joined': 'left' }

/** The left table lies where this says, not where its keys' bytes lead: answers must find back. */
const leftPartition = (key: string, partitions: number): number => key.length % partitions
/** The right table, too: subscriptions must find it. */
const rightPartition = (key: string, partitions: number): number => (key.charCodeAt(0) + 1) % partitions

const lefts = table('left', { key: text, value: text })
const rights = table('right', { key: text, value: text })
const ended = (name: string, results: KTable<string, string>): Stream<never> => results.pipe(toStream(), to(name, { value: text }))
const options = { value: text, partition: rightPartition }
const plan = topology(
  'joins',
  ended('inner-joined', lefts.pipe(joinForeignKey('i', rights, foreignKeyOf, paired, { ...options, store: 'results' }))),
  ended('all-joined', lefts.pipe(joinForeignKey('a', rights, foreignKeyOf, paired, { ...options, deletions: 'always' }))),
  ended('left-joined', lefts.pipe(leftJoinForeignKey('l', rights, foreignKeyOf, paired, options))),
)

const rare = <T>(usual: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 6, arbitrary: usual }, { weight: 1, arbitrary: fc.constant(null) })
const foreignKeys = ['m', 'n', 'mm']
/** Rows whose foreign keys change, are none, or have no row. */
const leftValue = fc.tuple(fc.constantFrom(...foreignKeys.map(key => `${key}:`), 'x:', ''), fc.nat(2)).map(([key, n]) => `${key}${n}`)
const change: fc.Arbitrary<Given> = fc.oneof(
  fc.record({
    side: fc.constant('left' as const),
    key: rare(fc.constantFrom('a', 'bb', 'ccc', 'é', '\u{1f600}', '\uffee')),
    value: rare(leftValue),
    at: fc.nat(20),
  }),
  fc.record({
    side: fc.constant('right' as const),
    key: rare(fc.constantFrom(...foreignKeys)),
    value: rare(fc.constantFrom('R', 'S')),
    at: fc.nat(20),
  }),
)

const shown = ({ topic, key, value, at }: Played) => ({ topic, key: String(key), value: value === null ? null : String(value), at })

it('hands on what a join of both tables after each change asks for, however often the application ends on the way', async () => {
  const changes = fc.array(change, { minLength: 1, maxLength: 25 })
  const runs = fc.asyncProperty(changes, fc.constantFrom(...allRestarts), async (given, restarts) => {
    const wanted = Object.entries(kinds).flatMap(([topic, kind]) => updatesOf(given, kind).map(update => ({ topic, ...update })))
    const input = given.map(({ side: topic, key, value, at }) => ({ topic, key, value, at }))
    const sent = (await played(plan, input, restarts)).map(shown)
    const inOrder = Object.keys(kinds).flatMap(topic => sent.filter(each => each.topic === topic))
    expect(inOrder).toEqual(wanted)
  })
  await fc.assert(runs, { numRuns: 60, interruptAfterTimeLimit: 5000 })
})

it('the recomputation of updates adds up to the join at every change', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 25 }), fc.constantFrom(...Object.values(kinds)), (given, kind) => {
      for (let i = 0; i <= given.length; i++) {
        const rows = new Map<string, string>()
        for (const { key, value } of updatesOf(given.slice(0, i), kind)) {
          if (value === null) rows.delete(key)
          else rows.set(key, value)
        }
        expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(joinOf(given.slice(0, i), kind)))
      }
    }),
    { numRuns: 50 },
  )
})

const partitions = { left: 3, right: 2 }

async function laid(): Promise<Broker> {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(Object.entries(partitions).map(([name, count]) => ({ name, partitions: count })))
  await broker.admin.createTopics(Object.keys(kinds).map(name => ({ name, partitions: 3 })))
  return broker
}

async function feed(broker: Broker, given: readonly Given[]): Promise<void> {
  for (const side of ['left', 'right'] as const) {
    const own = given.filter(each => each.side === side)
    const partition = side === 'left' ? leftPartition : rightPartition
    await write(broker, side, ...own.map(each => ({ ...each, partition: each.key === null ? 0 : partition(each.key, partitions[side]) })))
  }
}

/** The rows that stand in an output in the end, and the partitions of answers by the key that they are for. */
async function rowsIn(broker: Broker, topic: string): Promise<Readonly<Record<string, string>>> {
  const rows = new Map((await read(broker, topic)).map(row => [row.key!, row.value]))
  return Object.fromEntries([...rows].filter((row): row is [string, string] => row[1] !== null))
}

interface Step {
  /** Changes that are written before it. */
  readonly feed: number
  readonly task: number
  readonly records: number
  readonly end: 'go on' | 'commit' | 'settle' | 'close'
}
const step: fc.Arbitrary<Step> = fc.record({
  feed: fc.nat(4),
  task: fc.nat(4),
  records: fc.integer({ min: 1, max: 3 }),
  end: fc.constantFrom('go on', 'commit', 'commit', 'settle', 'settle', 'close'),
})

async function settle(engine: Engine): Promise<void> {
  for (let quiet = 0; quiet < 2; ) {
    quiet = (await take(engine)) > 0 ? 0 : quiet + 1
    await engine.commitDue(true)
  }
}

/** Lets single tasks take a few records each, so that changes of both tables and what they cause overtake each other. */
async function race(broker: Broker, given: readonly Given[], steps: readonly Step[]): Promise<void> {
  const open = () => joined(plan, { broker, guarantee: 'exactly-once', maxTaskIdleMs: -1 })
  let engine = await open()
  const left = [...given]
  for (const { feed: count, task, records, end } of steps) {
    await feed(broker, left.splice(0, count))
    await engine.fetch(0)
    engine.tasks[task % engine.tasks.length]!.run(records, Number.POSITIVE_INFINITY)
    if (engine.failure !== undefined) throw engine.failure
    if (end === 'commit') await engine.commitDue(true)
    if (end === 'settle') await settle(engine)
    if (end === 'close') {
      await engine.close()
      engine = await open()
    }
  }
  await feed(broker, left)
  await settle(engine)
  await engine.close()
}

it('over tables of unlike partitions is the join in the end, whatever overtakes what', async () => {
  const changes = fc.array(change, { minLength: 5, maxLength: 40 })
  const runs = fc.asyncProperty(changes, fc.array(step, { maxLength: 30 }), async (given, steps) => {
    const broker = await laid()
    await race(broker, given, steps)
    for (const topic of ['all-joined', 'left-joined']) {
      expect([topic, await rowsIn(broker, topic)]).toEqual([topic, Object.fromEntries(joinOf(given, kinds[topic]!))])
    }
    for (const name of ['a', 'l', 'i']) {
      for (const { key, partition } of await read(broker, `joins-${name}-subscription-response-topic`))
        expect(partition).toBe(leftPartition(key!, 3))
      for (const { key, partition } of await read(broker, `joins-${name}-subscription-registration-topic`))
        if (key !== null) expect(partition).toBe(rightPartition(key, 2))
    }
    await broker.close()
  })
  await fc.assert(runs, { numRuns: 60, interruptAfterTimeLimit: 5000 })
})

it('inner, both tables changing at once, may keep a result that should be gone, as Kafka Streams does; with all deletions it does not', async () => {
  const broker = await laid()
  const engine = await joined(plan, { broker, guarantee: 'exactly-once' })
  await feed(broker, [
    { side: 'right', key: 'm', value: 'R', at: 1 },
    { side: 'left', key: 'a', value: 'm:1', at: 2 },
  ])
  await settle(engine)
  await feed(broker, [
    { side: 'right', key: 'm', value: null, at: 3 },
    { side: 'left', key: 'a', value: 'm:2', at: 4 },
  ])
  await settle(engine)
  expect([await rowsIn(broker, 'inner-joined'), await rowsIn(broker, 'all-joined')]).toEqual([{ a: 'm:1+R' }, {}])
  await engine.close()
})
