import { embedded } from '@riacho/embedded'
import {
  bytes,
  json,
  keyValueStore,
  mapAsync,
  mapValues,
  merge,
  process,
  reduce,
  type Serde,
  type StreamRecord,
  tap,
  text,
  to,
  topic,
  topology,
  toStream,
} from '@riacho/streams'
import { expect, it } from 'vitest'
import { Gate, joined, read, take, until, write } from '../trial.fixture.ts'

const poison = 0xdb

/** Every byte array inside a value, however deep. */
function arraysIn(value: unknown, seen = new Set<unknown>()): Uint8Array[] {
  if (value instanceof Uint8Array) return [value]
  if (typeof value !== 'object' || value === null || seen.has(value)) return []
  seen.add(value)
  return Object.values(value).flatMap(part => arraysIn(part, seen))
}

async function laid(topics: readonly string[], partitions = 1) {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(topics.map(name => ({ name, partitions })))
  return broker
}

const headers = [['trace', Buffer.from('header')] as const]
const sent = Array.from({ length: 50 }, (_, i) => ({ key: `key${i % 5}`, value: `value ${i}`, at: i, headers }))

it('nothing that user code, state, an asynchronous stage or a dead letter keeps is a view of a frame', async () => {
  const broker = await laid(['in', 'out', 'dead'])
  const seen: StreamRecord<Uint8Array, Uint8Array>[] = []
  const later: StreamRecord<Uint8Array, Uint8Array>[] = []
  const gate = new Gate()
  const source = topic('in', { key: bytes, value: bytes })
  const keep = tap<Uint8Array, Uint8Array>((_value, record) => seen.push(record))
  const slow = mapAsync<Uint8Array, Uint8Array, Uint8Array>(
    async (value, record) => {
      await gate.opened
      later.push(record)
      if (value.at(-1) === 0x37) throw new Error('no sevens')
      return value
    },
    { onError: { deadLetter: 'dead' } },
  )
  const store = keyValueStore('kept', { key: bytes, value: bytes })
  const storing = process<Uint8Array, Uint8Array, Uint8Array, Uint8Array>(
    'storing',
    context => {
      const rows = context.store(store)
      return ({ key, value, timestamp }) => rows.put(key, value, timestamp)
    },
    { stores: [store] },
  )
  const summing = reduce<Uint8Array, Uint8Array>('summed', (_sum, value) => value, { value: bytes })
  const plan = topology(
    'loans',
    source.pipe(keep, slow, to('out', { value: bytes })),
    source.pipe(storing),
    source.pipe(summing, toStream(), to('out')),
  )
  await write(broker, 'in', ...sent)
  const engine = await joined(plan, { broker })
  await take(engine)
  expect(broker.loans).toBe(0)
  gate.open()
  await engine.commitDue(true)
  const values = (records: readonly StreamRecord<Uint8Array, Uint8Array>[]) =>
    records.map(({ key, value }) => `${Buffer.from(key)} ${Buffer.from(value)}`)
  const wanted = sent.map(({ key, value }) => `${key} ${value}`)
  expect(values(seen)).toEqual(wanted)
  expect(new Set(values(later))).toEqual(new Set(wanted))
  const state = [...engine.tasks[0]!.stores.values()].flatMap(each => [...(each as unknown as { entries(): Iterable<unknown> }).entries()])
  const kept = [...arraysIn(seen), ...arraysIn(later), ...arraysIn(state)]
  expect([state.length, kept.length >= 50 * 3 * 2 + 20, kept.filter(array => array.includes(poison))]).toEqual([10, true, []])
  const dead = await read(broker, 'dead')
  expect(dead.map(({ key, value }) => `${key} ${value}`)).toEqual(wanted.filter(each => each.endsWith('7')))
  expect(dead.every(row => row.headers.some(([name, value]) => name === 'trace' && String(value) === 'header'))).toBe(true)
  await engine.close()
})

it('a serde that keeps its bytes is found out: the frame is poisoned under it', async () => {
  const broker = await laid(['in'])
  const keeping: Serde<Uint8Array> = { encode: value => value, decode: raw => raw }
  const seen: Uint8Array[] = []
  await write(broker, 'in', ...sent)
  const engine = await joined(topology('keeping', topic('in', { key: text, value: keeping }).pipe(tap(value => seen.push(value)))), {
    broker,
  })
  await take(engine)
  expect(seen.length > 0 && seen.every(value => value.every(byte => byte === poison))).toBe(true)
  await engine.close()
})

it('every loan is given back: at the end of a slice, when a task closes, and when it has failed', async () => {
  const broker = await laid(['in', 'out'])
  const broken = mapValues<string, string, string>(value => {
    if (value === 'value 3') throw new Error('no')
    return value
  })
  await write(broker, 'in', ...sent)
  const source = topic('in', { key: text, value: text })
  const part = await joined(topology('part', source.pipe(to('out'))), { broker })
  await take(part, 3)
  expect(broker.loans).toBe(1)
  await part.close()
  expect(broker.loans).toBe(0)
  const failing = await joined(topology('failing', source.pipe(broken, to('out', { value: text }))), { broker })
  await expect(take(failing)).rejects.toThrow('RIACHO_PROCESSING')
  expect(broker.loans).toBe(1)
  await failing.close()
  expect(broker.loans).toBe(0)
})

it('an input whose queue is full does not keep another from being fetched (queueBytesMax)', async () => {
  const broker = await laid(['fast', 'slow', 'out'])
  const of = (name: string) => topic(name, { key: text, value: text })
  const plan = topology('starving', merge(of('fast'), of('slow')).pipe(to('out')))
  const large = 'x'.repeat(10_000)
  for (let portion = 0; portion < 6; portion++) {
    await write(broker, 'fast', ...Array.from({ length: 100 }, (_, i) => ({ key: 'f', value: large, at: 1000 + portion * 100 + i })))
  }
  const engine = await joined(plan, { broker, maxTaskIdleMs: 60_000, limits: { queueBytesMax: 1_200_000 } })
  let most = 0
  for (let turn = 0; turn < 20; turn++) {
    await engine.fetch(0)
    most = Math.max(most, engine.tasks[0]!.inputs[0]!.bytes)
  }
  // The limit, and the slice that went beyond it.
  expect([most > 1_200_000, most < 1_200_000 + 1_100_000, engine.tasks[0]!.inputs[0]!.paused]).toEqual([true, true, true])
  expect(await take(engine)).toBe(0)
  await write(broker, 'slow', { key: 's', value: '1', at: 1 }, { key: 's', value: '2', at: 5000 })
  expect(await take(engine)).toBe(1 + 600)
  await engine.commitDue(true)
  expect((await read(broker, 'out')).map(row => row.key).join('')).toBe(`s${'f'.repeat(600)}`)
  await engine.close()
})

it('a task whose stage is full, and whose input fills up, does not keep other tasks from working', async () => {
  const broker = await laid(['in', 'out'], 2)
  const gate = new Gate()
  const slow = mapAsync<string, { n: number }, number>(async ({ n }) => (n % 2 === 0 ? gate.opened.then(() => n) : n), { heldMax: 4 })
  const plan = topology('two', topic('in', { key: text, value: json<{ n: number }>() }).pipe(slow, to('out', { value: json<number>() })))
  const records = Array.from({ length: 200 }, (_, n) => ({ key: `k${n}`, value: JSON.stringify({ n }), partition: n % 2 }))
  await write(broker, 'in', ...records)
  const engine = await joined(plan, { broker })
  const done = async (partition: number): Promise<number> => {
    await take(engine)
    const task = engine.tasks.find(each => each.partition === partition)!
    return task.inputs[0]!.position
  }
  await until('the other task is done', async () => (await done(1)) === 100)
  expect([await done(0), engine.tasks.find(task => task.partition === 0)!.held]).toEqual([4, 4])
  gate.open()
  await until('both are done', async () => (await done(0)) === 100)
  await engine.commitDue(true)
  expect((await read(broker, 'out')).length).toBe(200)
  await engine.close()
})
