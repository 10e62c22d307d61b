import { embedded } from '@riacho/embedded'
import {
  join,
  json,
  type KeyValueStore,
  keyValueStore,
  optimize,
  process,
  table,
  text,
  to,
  topic,
  topology,
  toStream,
} from '@riacho/streams'
import type { Broker, Topology } from '@riacho/streams/engine'
import { describe, expect, it } from 'vitest'
import type { Engine } from '../loop/engine.ts'
import { committed, joined, read, type Sent, take, values, write } from '../trial.fixture.ts'

const texts = { key: text, value: text }
const reading = (options: object = {}): Topology =>
  optimize(topology('reading', table('rows', { ...texts, store: 'kept', ...options }).pipe(toStream(), to('out'))))

async function laid(partitions = 1): Promise<Broker> {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['rows', 'in', 'out', 'dead'].map(name => ({ name, partitions })))
  return broker
}

const rowsOf = (engine: Engine) =>
  [...(engine.store('kept') as KeyValueStore<string, string>).entries()].map(([key, { value, timestamp }]) => [key, value, timestamp])

/** Runs an application on these records, commits, and ends it; then opens another. */
async function restarted(plan: Topology, broker: Broker, ...rows: readonly Sent[]): Promise<Engine> {
  await write(broker, 'rows', ...rows)
  const before = await joined(plan, { broker })
  await take(before)
  await before.commitDue(true)
  await before.close()
  return joined(plan, { broker })
}

describe('a table whose topic is its changelog', () => {
  it('has no other, and comes back from it after a restart', async () => {
    const broker = await laid()
    const rows = [
      { key: 'b', value: '1', at: 5 },
      { key: 'a', value: '2', at: 9 },
      { key: 'c', value: '3', at: 9 },
      { key: 'a', value: '4', at: 7 },
      { key: 'c', value: null, at: 10 },
      { key: null, value: '5', at: 11 },
    ]
    const after = await restarted(reading(), broker, ...rows)
    expect([rowsOf(after), await committed(broker, 'reading', 'rows')]).toEqual([
      [
        ['a', '4', 7],
        ['b', '1', 5],
      ],
      6,
    ])
    expect((await broker.admin.partitions(['reading-kept-changelog'])).size).toBe(0)
    await after.close()
  })

  it('has no row for a JSON null, before a restart and after', async () => {
    const broker = await laid()
    const after = await restarted(
      reading({ value: json() }),
      broker,
      { key: 'a', value: '1' },
      { key: 'b', value: '2' },
      { key: 'a', value: 'null' },
    )
    expect([await values(broker, 'out'), rowsOf(after)]).toEqual([['1', '2', null], [['b', 2, 0]]])
    await after.close()
  })

  it('comes back as far as the application has committed, no further', async () => {
    const broker = await laid()
    const pairs = table('rows', { ...texts, store: 'kept' })
    const plan = optimize(
      topology(
        'reading',
        topic('in', texts).pipe(
          join(pairs, (value, row) => `${value}${row}`),
          to('out', { value: text }),
        ),
      ),
    )
    await write(broker, 'rows', { key: 'a', value: 'old', at: 1 })
    const first = await joined(plan, { broker })
    await take(first)
    await first.commitDue(true)
    await write(broker, 'rows', { key: 'a', value: 'new', at: 3 })
    await take(first)
    expect(rowsOf(first)).toEqual([['a', 'new', 3]])
    await first.close()
    await write(broker, 'in', { key: 'a', value: 'x', at: 2 })
    const second = await joined(plan, { broker })
    expect(rowsOf(second)).toEqual([['a', 'old', 1]])
    await take(second)
    await second.commitDue(true)
    expect([await values(broker, 'out'), rowsOf(second)]).toEqual([['xold'], [['a', 'new', 3]]])
    await second.close()
  })

  it('is empty when nothing was ever committed', async () => {
    const broker = await laid()
    await write(broker, 'rows', { key: 'a', value: '1' })
    const engine = await joined(reading(), { broker })
    expect(rowsOf(engine)).toEqual([])
    await engine.close()
  })

  it('does not see again what was skipped or put aside', async () => {
    for (const [onError, gone] of [
      ['skip', []],
      [{ deadLetter: 'dead' }, ['bad']],
    ] as const) {
      const broker = await laid()
      const picky = { ...text, decode: (raw: Uint8Array) => refuseBad(text.decode(raw)), decodeAt: undefined }
      const plan = reading({ value: picky, onError })
      const after = await restarted(plan, broker, { key: 'a', value: '1' }, { key: 'a', value: 'bad' }, { key: 'b', value: '2' })
      expect([rowsOf(after).map(([key, value]) => [key, value]), await values(broker, 'dead'), after.counters.dropped]).toEqual([
        [
          ['a', '1'],
          ['b', '2'],
        ],
        gone,
        {},
      ])
      await after.close()
    }
  })

  it('reads the time of a record again, and skips it again when it has none', async () => {
    const broker = await laid()
    const plan = reading({ timestamp: (value: string | null) => Number(value), invalidTimestamp: 'skip' })
    const after = await restarted(
      plan,
      broker,
      { key: 'a', value: '70', at: 1 },
      { key: 'a', value: '-1', at: 2 },
      { key: 'b', value: '3', at: 4 },
    )
    expect(rowsOf(after)).toEqual([
      ['a', '70', 70],
      ['b', '3', 3],
    ])
    await after.close()
  })

  it('is empty in a task whose partition it does not have', async () => {
    const broker = await embedded({ poisonLoans: true })
    await broker.admin.createTopics([
      { name: 'rows', partitions: 1 },
      { name: 'in', partitions: 2 },
      { name: 'out', partitions: 2 },
    ])
    const both = keyValueStore('both', texts)
    const looking = (name: string) =>
      process<string, string | null, string, string | null>(name, ({ forward }) => forward, { stores: [both], keyed: false })
    const rows = table('rows', { ...texts, store: 'kept' }).pipe(toStream(), looking('one'))
    const plan = optimize(topology('reading', rows, topic('in', texts).pipe(looking('other'))))
    const after = await restarted(plan, broker, { key: 'a', value: '1' })
    const sizes = after.tasks.map(task => [task.id, (task.stores.get('kept') as KeyValueStore<string, string>).size])
    expect(sizes).toEqual([
      ['0_0', 1],
      ['0_1', 0],
    ])
    await after.close()
  })

  it('goes back to its last commit when a commit is refused, and when nobody knows what became of it', async () => {
    const broker = await laid()
    await write(broker, 'rows', { key: 'a', value: '1', at: 1 })
    const plan = reading()
    const engine = await joined(plan, { broker, guarantee: 'exactly-once' })
    await take(engine)
    await engine.commitDue(true)
    await write(broker, 'rows', { key: 'a', value: '2', at: 2 })
    await take(engine)
    await engine.close()
    const again = await joined(plan, { broker, guarantee: 'exactly-once' })
    expect(rowsOf(again)).toEqual([['a', '1', 1]])
    await take(again)
    await again.commitDue(true)
    expect((await read(broker, 'out')).map(({ key, value }) => [key, value])).toEqual([
      ['a', '1'],
      ['a', '2'],
    ])
    await again.close()
  })
})

function refuseBad(value: string): string {
  if (value === 'bad') throw new TypeError('bad')
  return value
}
