import { embedded } from '@riacho/embedded'
import { count, json, mapAsync, mapValues, reduce, text, to, topic, topology, toStream } from '@riacho/streams'
import { describe, expect, it } from 'vitest'
import { type Call, Line } from '../line.fixture.ts'
import type { AppOptions } from '../options.ts'
import { committed, Gate, joined, latest, numbered, read, take, until, values, write } from '../trial.fixture.ts'

type Guarantee = NonNullable<AppOptions['guarantee']>

const source = topic('in', { key: text, value: text })
const upper = mapValues((value: string) => value.toUpperCase())
const counted = topology('counted', source.pipe(count('counts'), toStream(), to('out')), source.pipe(upper, to('plain', { value: text })))

/** A broker with its topics and a line to it. */
async function laid(...topics: readonly string[]) {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(topics.map(name => ({ name, partitions: 1 })))
  return { broker, line: new Line(broker) }
}

const steps: Readonly<Record<Guarantee, readonly Call[]>> = {
  'at-least-once': ['flush', 'flush changelog', 'commit offsets'],
  'exactly-once': ['send offsets', 'commit'],
}
const guarantees = Object.keys(steps) as Guarantee[]

it.each(guarantees)('%s: the steps of a commit are made once each, in their order', async guarantee => {
  const { broker, line } = await laid('in', 'out', 'plain')
  await write(broker, 'in', ...numbered(5))
  const engine = await joined(counted, { broker: line.broker, guarantee })
  await take(engine)
  line.calls.length = 0
  await engine.commitDue(true)
  expect(line.calls).toEqual(steps[guarantee])
  expect([await committed(broker, 'counted', 'in'), engine.counters.commits]).toEqual([5, 1])
  await engine.commitDue(true)
  expect(line.calls).toEqual(steps[guarantee])
})

it('at least once: outputs are durable before the changelog, the changelog before the offsets, however large they are', async () => {
  const { broker, line } = await laid('in', 'out')
  const kept = reduce<string, string>('kept', (_sum, value) => value, { value: text })
  const plan = topology('large', source.pipe(kept, toStream(), to('out')))
  await write(broker, 'in', ...numbered(30).map(record => ({ ...record, value: record.value!.toString().repeat(30_000) })))
  const seen: (readonly [Call, number, number])[] = []
  const look = async (call: Call): Promise<void> => {
    const lengths = ['out', 'large-kept-changelog'].map(async name => (await read(broker, name, 'read_uncommitted')).length)
    if (steps['at-least-once'].includes(call)) seen.push([call, await lengths[0]!, await lengths[1]!])
  }
  line.before = look
  const engine = await joined(plan, { broker: line.broker })
  await take(engine)
  await engine.commitDue(true)
  await look('commit offsets')
  expect(seen.map(([call, out, log]) => [call, call === 'flush' || out === 30, log])).toEqual([
    ['flush', true, 0],
    ['flush changelog', true, 0],
    ['commit offsets', true, 30],
    ['commit offsets', true, 30],
  ])
})

it('exactly once: outputs, changelog and offsets become visible together', async () => {
  const { broker, line } = await laid('in', 'out', 'plain')
  await write(broker, 'in', ...numbered(5))
  const seen: unknown[] = []
  const look = async (): Promise<void> => {
    const ends = ['out', 'plain', 'counted-counts-changelog'].map(async name => (await read(broker, name)).length)
    seen.push(await Promise.all(ends))
  }
  line.before = async call => (call === 'commit' ? look() : undefined)
  const engine = await joined(counted, { broker: line.broker, guarantee: 'exactly-once' })
  await take(engine)
  await engine.commitDue(true)
  await look()
  expect(seen).toEqual([
    [0, 0, 0],
    [5, 5, 5],
  ])
})

it.each(guarantees)('%s: what is only passed over is committed too, once', async guarantee => {
  const { broker, line } = await laid('in', 'out', 'plain')
  const aborting = await broker.producer({ transactionalId: 'aborting' })
  for (let i = 0; i < 3; i++) aborting.partition({ topic: 'in', partition: 0 }).append(0, 'a', String(i))
  await aborting.flush()
  await aborting.abort()
  await aborting.close()
  const [ends] = await broker.admin.offsets([{ topic: 'in', partition: 0 }])
  const engine = await joined(counted, { broker: line.broker, guarantee })
  expect(await take(engine)).toBe(0)
  await engine.commitDue(true)
  expect(await committed(broker, 'counted', 'in')).toBe(ends!.highWatermark)
  line.calls.length = 0
  await take(engine)
  await engine.commitDue(true)
  expect(line.calls).toEqual([])
  await engine.close()
})

describe.each(guarantees)('%s', guarantee => {
  const failures = steps[guarantee].flatMap(call => [['before', call] as const, ['after', call] as const])

  it.each(failures)(
    'a failure %s "%s" stops what comes after it, and another instance goes on from the last commit',
    async (when, failing) => {
      const { broker, line } = await laid('in', 'out', 'plain')
      await write(broker, 'in', ...numbered(6))
      const engine = await joined(counted, { broker: line.broker, guarantee })
      await take(engine, 2)
      await engine.commitDue(true)
      await take(engine)
      line.calls.length = 0
      line[when] = call => {
        if (call === failing) throw new Error('the wire broke')
      }
      await expect(engine.commitDue(true)).rejects.toThrow('the wire broke')
      const made = steps[guarantee].indexOf(failing) + (when === 'after' ? 1 : 0)
      expect(line.calls).toEqual(steps[guarantee].slice(0, made))
      const durable = made === steps[guarantee].length
      await line.cut()

      const next = await joined(counted, { broker, guarantee })
      expect(await committed(broker, 'counted', 'in')).toBe(durable ? 6 : 2)
      await take(next)
      await next.commitDue(true)
      expect(await committed(broker, 'counted', 'in')).toBe(6)
      const plain = await values(broker, 'plain')
      expect(new Set(plain)).toEqual(new Set(['0', '1', '2', '3', '4', '5']))
      if (guarantee === 'exactly-once') {
        expect(plain).toEqual(['0', '1', '2', '3', '4', '5'])
        expect(await latest(broker, 'counted-counts-changelog')).toEqual(await latest(broker, 'out'))
        expect((await read(broker, 'out')).map(row => Buffer.from(row.value!).at(-1))).toEqual([1, 1, 1, 2, 2, 2])
      }
      await next.close()
    },
  )
})

it.each(['key', 'partition'] as const)('nothing is committed past an unfinished asynchronous record, order by %s', async order => {
  const { broker, line } = await laid('in', 'out')
  const gates = Array.from({ length: 5 }, () => new Gate())
  const slow = mapAsync<string, string, string>(async value => gates[Number(value)]!.opened.then(() => value), { order })
  const engine = await joined(topology('slow', source.pipe(slow, to('out', { value: text }))), { broker: line.broker })
  await write(broker, 'in', ...numbered(5, ['a', 'b', 'c', 'd', 'e']))
  await take(engine)
  for (const done of [0, 1, 3, 4]) gates[done]!.open()
  let ended = false
  const commit = engine.commitDue(true).then(() => {
    ended = true
  })
  await until('the others are done', () => engine.tasks[0]!.held === (order === 'key' ? 1 : 3))
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
  expect([ended, await committed(broker, 'slow', 'in'), line.calls.includes('commit offsets')]).toEqual([false, undefined, false])
  gates[2]!.open()
  await commit
  expect(await committed(broker, 'slow', 'in')).toBe(5)
  expect(await values(broker, 'out')).toEqual(order === 'key' ? ['0', '1', '3', '4', '2'] : ['0', '1', '2', '3', '4'])
  await engine.close()
})

it.each([
  ['put aside', { key: 'a', value: '{' }, ['{']],
  ['dropped', { key: 'b', value: null }, []],
] as const)('what is %s is committed though nothing was taken', async (_what, record, dead) => {
  const { broker, line } = await laid('in', 'bad')
  const strict = topic('in', { key: text, value: json<unknown>(), onError: { deadLetter: 'bad' } })
  const engine = await joined(topology('aside', strict.pipe(mapValues(value => value))), { broker: line.broker, guarantee: 'exactly-once' })
  await write(broker, 'in', record)
  await take(engine)
  await engine.commitDue(true)
  expect([await values(broker, 'bad'), await committed(broker, 'aside', 'in')]).toEqual([dead, 1])
  await engine.close()
})
