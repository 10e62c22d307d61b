import { embedded } from '@riacho/embedded'
import { count, keyValueStore, process, reduce, text, to, topic, topology, toStream, tumbling } from '@riacho/streams'
import type { Broker, Topology } from '@riacho/streams/engine'
import { describe, expect, it } from 'vitest'
import { Line } from '../line.fixture.ts'
import type { Engine } from '../loop/engine.ts'
import type { AppOptions } from '../options.ts'
import { joined, numbered, read, take, write } from '../trial.fixture.ts'

const source = topic('in', { key: text, value: text })
const window = tumbling(10, { grace: 5 })
const kinds: Readonly<Record<string, Topology>> = {
  'key-value': topology(
    'kv',
    source.pipe(
      reduce('state', (sum, value) => `${sum}.${value}`, { value: text }),
      toStream(),
      to('out'),
    ),
  ),
  window: topology('wi', source.pipe(count('state', { window }), toStream(), to('out'))),
}
const guarantees: readonly NonNullable<AppOptions['guarantee']>[] = ['at-least-once', 'exactly-once']

async function filled(records: number): Promise<Broker> {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out'].map(name => ({ name, partitions: 1 })))
  await write(broker, 'in', ...numbered(records))
  return broker
}

/** Everything in the store `state`. */
const stateOf = (engine: Engine): readonly unknown[] => {
  const store = engine.tasks[0]!.stores.get('state') as unknown as { entries(): Iterable<readonly unknown[]> }
  return [...store.entries()].map(row => row.map(part => (typeof part === 'object' ? { ...part, epoch: 0 } : part)))
}

/** Takes and commits everything. */
async function all(engine: Engine): Promise<void> {
  await take(engine)
  await engine.commitDue(true)
}

describe.each(Object.entries(kinds))('%s', (_kind, plan) => {
  describe.each(guarantees)('%s', guarantee => {
    it.each([0, 1, 2, 3, 500])('state of %i records is restored, once and once more', async records => {
      const broker = await filled(records)
      const line = new Line(broker)
      const first = await joined(plan, { broker: line.broker, guarantee })
      await all(first)
      const before = stateOf(first)
      await line.cut()
      for (let again = 0; again < 2; again++) {
        const events: unknown[] = []
        const next = await joined(plan, { broker, guarantee, log: event => events.push(event.records) })
        expect(stateOf(next)).toEqual(before)
        expect(events.filter(count => count !== undefined)).toEqual(records === 0 ? [] : [records])
        expect([next.tasks[0]!.uncommitted, next.tasks[0]!.dirty]).toEqual([0, false])
        await next.close()
      }
    })

    it('goes on from restored state as if nothing had happened', async () => {
      const [broken, whole] = [await filled(50), await filled(50)]
      const one = await joined(plan, { broker: whole, guarantee, keepStreamTime: true })
      await all(one)
      for (let taken = 0; taken < 50; taken += 7) {
        const part = await joined(plan, { broker: broken, guarantee, keepStreamTime: true })
        await take(part, 7)
        await part.commitDue(true)
        await part.close()
      }
      const facts = async (broker: Broker) => (await read(broker, 'out')).map(({ key, value, timestamp }) => [key, value, timestamp])
      expect(await facts(broken)).toEqual(await facts(whole))
    })
  })

  it('exactly once: what an abort took back is not restored, though the changelog ends in it', async () => {
    const broker = await filled(20)
    const first = await joined(plan, { broker, guarantee: 'exactly-once' })
    await take(first, 8)
    await first.commitDue(true)
    const before = stateOf(first)
    await take(first)
    await first.tasks[0]!.producer.flush()
    expect(stateOf(first)).not.toEqual(before)
    await first.close()
    const [log] = await broker.admin.offsets([{ topic: `${plan.id}-state-changelog`, partition: 0 }])
    expect(log!.highWatermark).toBe(8 + 1 + 12 + 1)
    const next = await joined(plan, { broker, guarantee: 'exactly-once' })
    expect(stateOf(next)).toEqual(before)
    await next.close()
  })

  it('exactly once: a predecessor that is only cut off leaves nothing behind', async () => {
    const broker = await filled(20)
    const line = new Line(broker)
    const first = await joined(plan, { broker: line.broker, guarantee: 'exactly-once' })
    await take(first, 8)
    await first.commitDue(true)
    const before = stateOf(first)
    await take(first)
    await first.tasks[0]!.producer.flush()
    await line.cut()
    const next = await joined(plan, { broker, guarantee: 'exactly-once' })
    expect(stateOf(next)).toEqual(before)
    await next.close()
  })
})

it('begins where the changelog begins, if its head was deleted', async () => {
  const broker = await filled(9)
  const plan = kinds['key-value']!
  const first = await joined(plan, { broker })
  await all(first)
  const before = stateOf(first)
  await first.close()
  await broker.admin.deleteRecords([{ topic: 'kv-state-changelog', partition: 0, offset: 6 }])
  const next = await joined(plan, { broker })
  expect(stateOf(next)).toEqual(before)
  await next.close()
})

it('takes deletes back, too', async () => {
  const broker = await filled(0)
  const plan = topology(
    'de',
    source.pipe(
      reduce('state', (sum, value) => (value === 'x' ? null : sum + value), { value: text }),
      toStream(),
      to('out'),
    ),
  )
  await write(broker, 'in', { key: 'a', value: '1' }, { key: 'b', value: '2' }, { key: 'a', value: 'x' })
  const first = await joined(plan, { broker })
  await all(first)
  await first.close()
  const next = await joined(plan, { broker })
  expect(stateOf(next)).toEqual([['b', { value: '2', timestamp: 0, epoch: 0 }]])
  await next.close()
})

it('says where it stands when the changelog does not come to its end', async () => {
  const broker = await filled(2)
  const plan = kinds['key-value']!
  const first = await joined(plan, { broker })
  await all(first)
  await first.close()
  const foreign = await broker.producer({ transactionalId: 'somebody-else' })
  foreign.partition({ topic: 'kv-state-changelog', partition: 0 }).append(0, 'a', 'foreign')
  await foreign.flush()
  await expect(joined(plan, { broker, limits: { restoreStallMs: 250 } })).rejects.toMatchObject({
    code: 'RIACHO_RESTORE_STALLED',
    place: { topic: 'kv-state-changelog', partition: 0 },
  })
})

it('rows that a processor keeps as bytes outlive the frames that they came in', async () => {
  const store = keyValueStore('state', { key: text, value: text })
  const keeping = process<string, string, string, string>(
    'keeping',
    context => {
      const rows = context.store(store)
      return ({ key, value, timestamp }) => rows.put(key, value, timestamp)
    },
    { stores: [store] },
  )
  const broker = await filled(100)
  const plan = topology('by', source.pipe(keeping))
  const first = await joined(plan, { broker })
  await all(first)
  const before = stateOf(first)
  await first.close()
  const next = await joined(plan, { broker })
  expect(stateOf(next)).toEqual(before)
  expect(before).toHaveLength(3)
  await next.close()
})

it.each([
  [true, { late: 1 }, 1],
  // The window is gone from the store, as in Kafka Streams; the operator has forgotten its time and counts anew.
  [false, { expired: 1 }, 2],
] as const)(
  'keepStreamTime %s: a record that was late before a restart is dropped or not after it',
  async (keepStreamTime, dropped, outputs) => {
    const broker = await filled(0)
    const plan = kinds.window!
    await write(broker, 'in', { key: 'a', value: '1', at: 1000 })
    const first = await joined(plan, { broker, keepStreamTime })
    await all(first)
    await first.close()
    await write(broker, 'in', { key: 'a', value: '2', at: 984 })
    const next = await joined(plan, { broker, keepStreamTime })
    expect(next.tasks[0]!.streamTime).toBe(1000)
    await all(next)
    expect([next.counters.dropped, (await read(broker, 'out')).length]).toEqual([dropped, outputs])
    await next.close()
  },
)

it.each([
  [994, 2],
  [995, 1],
])('a window is open until its end + grace, and closed at it (%i)', async (streamTime, outputs) => {
  const broker = await filled(0)
  await write(broker, 'in', { key: 'a', value: '1', at: streamTime }, { key: 'a', value: '2', at: 980 })
  const engine = await joined(kinds.window!, { broker })
  await all(engine)
  expect((await read(broker, 'out')).length).toBe(outputs)
  await engine.close()
})

it('a store that a processor asks for only when a record comes is restored before that', async () => {
  const broker = await filled(3)
  const lazy = keyValueStore('lazy', { key: text, value: text })
  const kept: unknown[] = []
  const asks = process<string, string, string, string>(
    'asks',
    context => record => {
      kept.push(context.store(lazy).get('last')?.value)
      context.store(lazy).put('last', record.value, record.timestamp)
    },
    { stores: [lazy] },
  )
  for (let run = 0; run < 2; run++) {
    const engine = await joined(topology('asking', source.pipe(asks)), { broker })
    await all(engine)
    await engine.close()
    await write(broker, 'in', { key: 'a', value: 'again' })
  }
  expect(kept).toEqual([undefined, '0', '1', '2'])
})

it('a record that cannot be restored stops the start with its place, and its slice goes back', async () => {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out'].map(name => ({ name, partitions: 1 })))
  const first = await joined(kinds.window!, { broker })
  await first.close()
  await write(broker, 'wi-state-changelog', { key: `a${'\0'.repeat(12)}`, value: 'no number' })
  const place = { topic: 'wi-state-changelog', partition: 0, offset: 0 }
  await expect(joined(kinds.window!, { broker })).rejects.toMatchObject({ code: 'RIACHO_DECODE', place })
  expect(broker.loans).toBe(0)
})
