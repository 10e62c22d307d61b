import { testDriver } from '@riacho/testing'
import { expect, it } from 'vitest'
import type { Node } from '../contract/node.ts'
import type { Change, StreamRecord } from '../contract/record.ts'
import type { KeyValueStore, Store } from '../contract/store.ts'
import type { Emit, Position, StoreSpec } from '../contract/task.ts'
import { readDeadLetter } from '../engine.ts'
import { aggregate } from '../operator/aggregate.ts'
import { count } from '../operator/count.ts'
import { filterTable } from '../operator/filter-table.ts'
import { mapValues } from '../operator/map-values.ts'
import { clients, orders, run } from '../operator/orders.fixture.ts'
import { reduce } from '../operator/reduce.ts'
import { table } from '../operator/table.ts'
import { to } from '../operator/to.ts'
import { toStream } from '../operator/to-stream.ts'
import { toTable } from '../operator/to-table.ts'
import { topic } from '../operator/topic.ts'
import { PlainTask } from '../plain/task.ts'
import { topology } from '../plan/topology.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { session } from '../window/session.ts'
import { tumbling } from '../window/tumbling.ts'
import { LoggingTask } from './logged.fixture.ts'

/** A task that knows where records come from, and whose changelogs are kept. */
class CommittingTask extends PlainTask {
  readonly log = new LoggingTask()
  readonly stores = new Map<string, Store>()
  at: Position | null = null

  constructor() {
    super(error => {
      throw error
    })
  }

  override store<S extends Store>(spec: StoreSpec<S>): S {
    const found = this.stores.get(spec.name) ?? spec.create(this.log)
    this.stores.set(spec.name, found)
    return found as S
  }

  override position(): Position | null {
    return this.at
  }

  override onBehalf<T>(of: Position | null, out: Emit<T>, record: T): void {
    const before = this.at
    this.at = of
    out(record)
    this.at = before
  }
}

/** A node at work: what it is fed, what it hands on and from where, and what its changelog holds. */
function working(node: Node, previous = true) {
  const task = new CommittingTask()
  const out: (readonly [key: unknown, value: unknown, previous: unknown, timestamp: number, offset: number | undefined])[] = []
  const asked = { previous, kept: true, order: 'key', origins: false, view: () => ({ get: () => undefined }) } as const
  const hand = (change: unknown): void => {
    const { key, value, previous: old, timestamp } = change as Change<unknown, unknown>
    out.push([key, value, old, timestamp, task.at?.offset])
  }
  const [input] = node.open(task, hand, asked)
  let offset = 0
  const feed = (key: string, value: string | null, timestamp = 0): void => {
    task.at = { topic: 'in', partition: 0, offset: offset++ }
    input!({ key, value, timestamp, headers: [['h', null]] } satisfies StreamRecord<string, string | null>)
  }
  const store = [...task.stores.values()][0]!
  const logged = () => task.log.logged.map(({ key, value, timestamp }) => [String(key), value && String(value), timestamp])
  return { task, store, feed, out, logged }
}

const source = topic<string, string>('in', { key: text, value: text })
const cache = { recordsMax: 3 }
const joined = (name = 's') =>
  source.pipe(
    aggregate(
      name,
      () => '>',
      (value: string, sum: string) => (value === '!' ? null : sum + value),
      { value: text, cache },
    ),
  )

it('of the changes of a key logs and hands on the last at the flush, in the order of the last writes, from where they came', () => {
  const { feed, out, logged, store } = working(joined().node)
  feed('a', '1', 5)
  feed('b', '2', 7)
  feed('a', '3', 4)
  expect([out, logged(), store.pending]).toEqual([[], [], 2])
  store.flush!()
  expect(out).toEqual([
    ['b', '>2', null, 7, 1],
    ['a', '>13', null, 5, 2],
  ])
  expect(logged()).toEqual([
    ['b', '>2', 7],
    ['a', '>13', 5],
  ])
  expect(store.pending).toBe(0)
})

it('hands on the row that was handed on before as the old value, null at first', () => {
  const { feed, out, store } = working(joined().node)
  for (const value of ['1', '2']) feed('a', value)
  store.flush!()
  for (const value of ['3', '4']) feed('a', value)
  store.flush!()
  expect(out.map(([, value, old]) => [old, value])).toEqual([
    [null, '>12'],
    ['>12', '>1234'],
  ])
  const unasked = working(joined().node, false)
  unasked.feed('a', '1')
  unasked.store.flush!()
  expect(unasked.out.map(([, , old]) => old)).toEqual([undefined])
})

it('lets all leave when one more key would wait than may', () => {
  const { feed, out, store } = working(joined().node)
  for (const key of ['a', 'b', 'c', 'b']) feed(key, '1')
  expect(out).toEqual([])
  feed('d', '1')
  expect(out.map(([key]) => key)).toEqual(['a', 'c', 'b', 'd'])
  expect(store.pending).toBe(0)
  feed('d', '2')
  expect([out.length, store.pending]).toEqual([4, 1])
})

it('says nothing of a row that came and went, and deletes one that was handed on, with the time of the record', () => {
  const { feed, out, logged, store } = working(joined().node)
  feed('a', '1', 9)
  feed('a', '!', 3)
  store.flush!()
  expect([out, logged()]).toEqual([[], []])
  feed('b', '1', 9)
  store.flush!()
  feed('b', '!', 3)
  store.flush!()
  expect(out.at(-1)).toEqual(['b', null, '>1', 3, 3])
  expect(logged().at(-1)).toEqual(['b', null, 3])
})

it('shows each change at once to whoever reads the rows', () => {
  const { node } = joined()
  const { feed, task } = working(node)
  feed('a', '1')
  feed('a', '2')
  expect(node.view!(task, () => ({ get: () => undefined })).get('a' as never)?.value).toBe('>12')
})

it('forgets what waits when it goes back to the last commit', () => {
  const tables = [
    joined().node,
    source.pipe(count('w', { window: tumbling(10, { grace: 5 }), cache })).node,
    source.pipe(count('v', { window: session(10, { grace: 5 }), cache })).node,
  ]
  for (const node of tables) {
    for (const forget of ['rollback', 'clear'] as const) {
      const { feed, out, logged, store } = working(node)
      feed('a', '1')
      expect(store.uncommitted).toBeGreaterThan(0)
      store[forget]()
      expect([store.pending, store.uncommitted]).toEqual([0, 0])
      feed('b', '1')
      store.flush!()
      store.committed()
      expect([out.length, logged().length, (store as KeyValueStore<unknown, unknown>).size]).toEqual([1, 1, 1])
      expect(store.uncommitted).toBe(0)
    }
  }
})

it('restores what was logged', () => {
  const { node } = joined()
  const first = working(node)
  first.feed('a', '1', 4)
  first.store.flush!()
  first.feed('b', 'never logged')
  const second = working(node)
  for (const { key, value, timestamp } of first.task.log.logged) second.store.restore(key, value, timestamp, [])
  second.feed('a', '2')
  second.store.flush!()
  expect(second.out).toEqual([['a', '>12', '>1', 4, 0]])
})

it('holds back each window, and deletions of sessions that became one', () => {
  const windows = working(source.pipe(count('w', { window: tumbling(10, { grace: 50 }), cache })).node)
  for (const at of [1, 11, 2]) windows.feed('a', '', at)
  windows.store.flush!()
  expect(windows.out.map(([key, value, old, at]) => [(key as { start: number }).start, value, old, at])).toEqual([
    [10, 1, null, 11],
    [0, 2, null, 2],
  ])
  const sessions = working(
    source.pipe(reduce('v', (a: string, b: string) => a + b, { value: text, window: session(5, { grace: 50 }), cache })).node,
  )
  sessions.feed('a', 'x', 0)
  sessions.store.flush!()
  sessions.feed('a', 'y', 4)
  sessions.feed('a', 'z', 8)
  sessions.store.flush!()
  const shown = sessions.out.map(([key, value, old, at]) => [(key as { start: number; end: number }).end, value, old, at])
  expect(shown).toEqual([
    [0, 'x', null, 0],
    [0, null, 'x', 0],
    [8, 'xyz', null, 8],
  ])
})

it('belongs to tables with a store, too', () => {
  const rows = working(source.pipe(toTable({ store: 'rows', cache })).node)
  rows.feed('a', '1', 3)
  rows.feed('a', '2', 2)
  rows.store.flush!()
  expect(rows.out).toEqual([['a', '2', null, 2, 1]])
  const read = working(table<string, string>('t', { key: text, value: text, store: 'rows', cache }).node)
  read.feed('a', '1')
  read.feed('a', null)
  read.feed('b', '3')
  read.store.flush!()
  expect(read.out.map(([key]) => key)).toEqual(['b'])
})

it('hands on records that a dead letter can hold', async () => {
  const rows = table<string, string>('t', { key: text, value: text, store: 'rows', cache })
  const refusing = mapValues<string, string | null, string>(
    () => {
      throw new Error('no')
    },
    { onError: { deadLetter: 'dead' } },
  )
  const driver = await testDriver(topology('app', rows.pipe(toStream(), refusing, to('out', { value: text }))))
  await driver.pipe('t', { key: text.encode('a'), value: text.encode('row'), timestamp: 5 })
  const [dead] = driver.sent().filter(sent => sent.topic === 'dead')
  expect([String(Buffer.from(dead!.key!)), String(Buffer.from(dead!.value!))]).toEqual(['a', 'row'])
  expect(readDeadLetter(null, null, dead!.headers)).toMatchObject({ topic: 't', timestamp: 5 })
  await driver.close()
})

it('holds nothing back where nobody commits', async () => {
  const records = [1, 2].map(value => ({ key: 'a', value, timestamp: 0, headers: [] }))
  expect((await run(count('n', { cache }), records)).map(({ value }) => value)).toEqual([1, 2])
})

it.each<[string, () => unknown, string]>([
  ['no room', () => orders.pipe(count('n', { cache: { recordsMax: 0 } })), "'n': a cache's recordsMax is a whole number above 0, not 0"],
  ['half a key', () => orders.pipe(count('n', { cache: { recordsMax: 1.5 } })), 'RIACHO_OPTION'],
  ['results that are final', () => count('n', { cache, window: tumbling(1, { grace: 0 }), emit: 'onClose' }), 'hands on each window once'],
  ['no store', () => table('t', { key: text, value: int64, cache }), 'give it { store: … } too'],
  ['no store', () => clients.pipe(filterTable(client => client.active, { cache })), 'give it { store: … } too'],
  ['no store', () => source.pipe(toTable({ cache })), 'give it { store: … } too'],
  ['a history', () => table('t', { key: text, value: int64, store: 't', historyRetention: 5, cache }), 'keeps a history'],
])('refuses a cache with %s', (_what, make, message) => expect(make).toThrow(message))
