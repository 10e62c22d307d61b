import { embedded } from '@riacho/embedded'
import { count, globalTable, keyValueStore, lookup, reduce, text, to, topic, topology, toStream, tumbling } from '@riacho/streams'
import { BrokerError, type Store, type StorePlace, type StoreSpec, type StoreSuppliers, type StoreTask } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { Line } from '../line.fixture.ts'
import { joined, latest, numbered, take, write } from '../trial.fixture.ts'

const source = topic('in', { key: text, value: text })
const concat = (sum: string, value: string): string => `${sum}.${value}`
const plan = topology('app', source.pipe(reduce('state', concat, { value: text }), toStream(), to('out')))

/** Supplies stores in memory, and knows which are open. */
class Counting implements StoreSuppliers {
  readonly made: string[] = []
  open = 0

  create(spec: StoreSpec, task: StoreTask, { application, task: id }: StorePlace): Store {
    this.made.push(`${application} ${id} ${spec.name} ${spec.kind}`)
    this.open++
    const store = spec.create({ log: (...written) => task.log(...written), drop: reason => task.drop(reason) })
    return Object.assign(store, { close: () => this.open-- })
  }
}

async function laid(...more: string[]) {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out', ...more].map(name => ({ name, partitions: 1 })))
  await write(broker, 'in', ...numbered(6, ['a', 'b']))
  return { broker, line: new Line(broker), stores: new Counting() }
}

it('makes the stores of a task that say what their rows are made of, also below a cache', async () => {
  const { broker, stores } = await laid()
  const windows = count<string, string>('windows', { window: tumbling(10, { grace: 0 }), cache: { recordsMax: 10 } })
  const many = topology('app', source.pipe(reduce('state', concat, { value: text }), toStream(), to('out')), source.pipe(windows))
  const engine = await joined(many, { broker, stores })
  expect(stores.made.sort()).toEqual(['app 0_0 state key-value', 'app 0_0 windows window'])
  await take(engine)
  await engine.commitDue(true)
  expect(await latest(broker, 'out')).toEqual({ a: '0.2.4', b: '1.3.5' })
  expect(engine.tasks[0]!.stores.get('windows')).toHaveProperty('held')
  await engine.close()
  expect(stores.open).toBe(0)
})

it('closes stores with their task when its partitions go, and makes others when they come back', async () => {
  const { broker, stores } = await laid()
  const engine = await joined(plan, { broker, stores })
  const partitions = [{ topic: 'in', partition: 0 }]
  await take(engine)
  await engine.revoke(partitions)
  expect(stores.open).toBe(0)
  engine.expect(partitions)
  await engine.open()
  expect([stores.open, stores.made.length]).toEqual([1, 2])
  await write(broker, 'in', { key: 'a', value: '6' })
  await take(engine)
  await engine.commitDue(true)
  expect(await latest(broker, 'out')).toEqual({ a: '0.2.4.6', b: '1.3.5' })
  await engine.close()
  expect(stores.open).toBe(0)
})

it.each([
  ['known not to have happened', new BrokerError('TIMEOUT', 'too late', { abortable: true }), 1],
  ['of unknown outcome', new BrokerError('REQUEST_TIMED_OUT', 'no answer', { retriable: true }), 2],
])('a commit %s leaves one store open: the same one, put back, or a new one', async (_outcome, error, made) => {
  const { broker, line, stores } = await laid()
  const engine = await joined(plan, { broker: line.broker, stores, guarantee: 'exactly-once' })
  await take(engine)
  line.failOnce('commit', 1, error)
  await engine.commitDue(true)
  expect([stores.open, stores.made.length, engine.counters.recoveries]).toEqual([1, made, 1])
  await take(engine)
  await engine.commitDue(true)
  expect(await latest(broker, 'out')).toEqual({ a: '0.2.4', b: '1.3.5' })
  await engine.close()
  expect(stores.open).toBe(0)
})

it.each(['for the first time', 'after a commit that failed'])('closes the stores of a task that cannot be opened %s', async when => {
  const { line, stores } = await laid()
  const options = { broker: line.broker, stores, guarantee: 'exactly-once' } as const
  const away = new BrokerError('AWAY', 'the broker is away')
  if (when === 'for the first time') {
    line.failOnce('offsets', 1, away)
    await expect(joined(plan, options)).rejects.toThrow('away')
  } else {
    const engine = await joined(plan, options)
    await take(engine)
    line.before = call => {
      if (call === 'commit') throw new BrokerError('TIMEOUT', 'too late', { abortable: true })
      if (call === 'offsets') throw away
    }
    await expect(engine.commitDue(true)).rejects.toThrow('away')
  }
  expect([stores.open, stores.made.length]).toEqual([0, 1])
})

it('makes the store of a global table once an instance, and closes it with that', async () => {
  const { broker, stores } = await laid('names')
  await write(broker, 'names', { key: 'a', value: 'Ana' })
  const names = globalTable('names', { key: text, value: text })
  const found = source.pipe(
    lookup(
      names,
      (_value, record) => record.key,
      (value, name) => `${value} ${name}`,
    ),
    to('out', { value: text }),
  )
  const engine = await joined(topology('app', found), { broker, stores })
  expect(stores.made).toEqual(['app global names key-value'])
  await take(engine)
  await engine.commitDue(true)
  expect(await latest(broker, 'out')).toEqual({ a: '4 Ana' })
  await engine.close()
  expect(stores.open).toBe(0)
})

it('asks nobody for a store that says nothing of its rows', () => {
  const asked: string[] = []
  const task: StoreTask = {
    log: () => {},
    drop: () => {},
    supply: spec => {
      asked.push(spec.name)
      return undefined
    },
  }
  const options = { key: text, value: text }
  for (const spec of [keyValueStore('ttl', { ...options, ttl: 1 }), keyValueStore('lru', { ...options, recordsMax: 1 })]) spec.create(task)
  keyValueStore('plain', options).create(task)
  expect(asked).toEqual(['plain'])
})
