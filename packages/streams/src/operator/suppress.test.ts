import { testDriver } from '@riacho/testing'
import { Subject } from 'rxjs'
import { expect, it } from 'vitest'
import type { Change, Windowed } from '../contract/record.ts'
import { readDeadLetter } from '../engine.ts'
import { PlainTask } from '../plain/task.ts'
import { topology } from '../plan/topology.ts'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import type { KTable } from '../stream.ts'
import { session } from '../window/session.ts'
import { tumbling } from '../window/tumbling.ts'
import { count } from './count.ts'
import { mapTable } from './map-table.ts'
import { mapValues } from './map-values.ts'
import { merge } from './merge.ts'
import { clients, draw, type Order, orders, run } from './orders.fixture.ts'
import { suppress } from './suppress.ts'
import { table } from './table.ts'
import { to } from './to.ts'
import { toStream } from './to-stream.ts'
import { topic } from './topic.ts'

const change = <K, V>(key: K, value: V | null, timestamp: number, previous: V | null = null): Change<K, V> => ({
  key,
  value,
  previous,
  timestamp,
  headers: [['at', Buffer.from(String(timestamp))]],
  latest: true,
})
const w = (key: string, start: number): Windowed<string> => ({ key, start, end: start + 10 })
const closed = suppress<Windowed<string>, number>('final', { until: 'windowCloses', grace: 5 })
const shown = (changes: readonly Change<unknown, unknown>[]) =>
  changes.map(({ key, value, timestamp, headers }) => [key, value, timestamp, String(headers[0]?.[1])])

it('hands on the last change of a window when time has reached its end and grace, with its own time and headers', async () => {
  const got = await run(closed, [
    change(w('a', 0), 1, 3),
    change(w('a', 0), 2, 9, 1),
    change(w('a', 10), 1, 14),
    change(w('a', 0), 3, 9, 2),
    change(w('b', 10), 1, 15),
    change(w('b', 10), 2, 24),
  ])
  expect(shown(got)).toEqual([[w('a', 0), 3, 9, '9']])
  expect(got[0]!.previous).toBe(2)
})

it('hands on what closes at once by end, then key, and swallows deletions', async () => {
  const got = await run(closed, [
    change(w('b', 10), 1, 10),
    change(w('é', 0), 2, 10),
    change(w('a', 10), 3, 10),
    change(w('a', 0), 4, 10),
    change(w('c', 0), null, 10, 9),
    change(w('z', 30), 5, 30),
  ])
  expect(shown(got).map(([key]) => key)).toEqual([w('a', 0), w('é', 0), w('a', 10), w('b', 10)])
})

it('hands on a late change at once when its window has closed', async () => {
  const got = await run(closed, [change(w('a', 30), 1, 30), change(w('a', 0), 1, 2), change(w('a', 0), 2, 2)])
  expect(got.map(({ key, value }) => [key, value])).toEqual([
    [w('a', 0), 1],
    [w('a', 0), 2],
  ])
})

const slow = suppress<string, number>('slow', { until: 'timeLimit', limit: 20 })

it('until a time limit, hands on the last change of a key in the place of its first, deletions too', async () => {
  const got = await run(slow, [
    change('a', 1, 10),
    change('b', 1, 12),
    change('a', 2, 20, 1),
    change('b', null, 13, 1),
    change('c', 1, 29),
    change('c', 2, 30, 1),
    change('c', 3, 32, 2),
  ])
  expect(shown(got)).toEqual([
    ['a', 2, 20, '20'],
    ['b', null, 13, '13'],
  ])
})

it('of more keys than may wait hands on the first early, or stops', async () => {
  const changes = [change('b', 1, 5), change('a', 1, 5), change('c', 1, 4), change('d', 1, 9)]
  const early = await run(suppress<string, number>('s', { until: 'timeLimit', limit: 90, recordsMax: 2 }), changes)
  expect(early.map(({ key }) => key)).toEqual(['c', 'a'])
  const failure = { code: 'RIACHO_BUFFER_FULL', place: { node: 's' }, message: expect.stringContaining('would hold 3 keys') }
  const strict = suppress<string, number>('s', { until: 'timeLimit', limit: 90, recordsMax: 2, whenFull: 'stop' })
  await expect(run(strict, changes)).rejects.toMatchObject(failure)
  const windows = suppress<Windowed<string>, number>('s', { until: 'windowCloses', grace: 0, recordsMax: 2 })
  await expect(
    run(
      windows,
      ['a', 'b', 'c'].map(key => change(w(key, 0), 1, 1)),
    ),
  ).rejects.toMatchObject(failure)
})

it('counts bytes as Kafka Streams does', async () => {
  // 8 and the key's 3 (plain keys are JSON), a value of 1, a context of 20 and a header of 3.
  const each = 35
  const bounded = (bytesMax: number) => suppress<string, number>('s', { until: 'timeLimit', limit: 90, bytesMax })
  const changes = ['a', 'b', 'c'].map(key => change(key, 1, 5))
  expect(await run(bounded(3 * each), changes)).toEqual([])
  expect(await run(bounded(3 * each - 1), changes)).toHaveLength(1)
  expect(await run(bounded(2 * each - 1), changes)).toHaveLength(2)
})

it('forgets what waits when the source completes, unless it is told to hand it on', async () => {
  const changes = [change(w('b', 0), 1, 3), change(w('a', 0), 2, 3), change(w('a', 0), null, 3, 2)]
  expect(await run(closed, changes)).toEqual([])
  const flushed = suppress<Windowed<string>, number>('final', { until: 'windowCloses', grace: 5, onComplete: 'flush' })
  expect(shown(await run(flushed, changes)).map(([key]) => key)).toEqual([w('b', 0)])
})

it('keeps what waits when it is unsubscribed from', () => {
  const source = new Subject<Change<string, number>>()
  const seen: unknown[] = []
  const sub = source
    .pipe(suppress<string, number>('s', { until: 'timeLimit', limit: 9, onComplete: 'flush' }))
    .subscribe(each => seen.push(each))
  source.next(change('a', 1, 1))
  sub.unsubscribe()
  source.complete()
  expect(seen).toEqual([])
})

const window = tumbling(10, { grace: 5 })
const perWindow = orders.pipe(count('n', { window }))

it('has a store of its name, keeps serdes and partitions, and asks for old values', () => {
  const held = perWindow.pipe(suppress('final', { until: 'windowCloses' }))
  expect(held.node).toMatchObject({
    kind: 'buffer',
    label: 'final',
    key: perWindow.node.key,
    value: int64,
    partitioned: true,
    timed: true,
    table: 'derived',
  })
  expect(held.node.stores).toMatchObject([{ name: 'final-store', kind: 'key-value' }])
  const lazy = clients.pipe(suppress('slow', { until: 'timeLimit', limit: 5 }))
  expect([...draw(lazy).stores.keys()]).toEqual(['clients', 'slow-store'])
  expect([...draw(lazy).asked]).toEqual([clients.node])
  const named = clients.pipe(mapTable(client => client.name))
  expect(named.pipe(suppress('s', { until: 'timeLimit', limit: 5 })).node.value).toEqual(json())
  expect(named.pipe(suppress('s', { until: 'timeLimit', limit: 5, value: text })).node.value).toBe(text)
})

it('shows the row that was handed on last, while another waits', () => {
  const { node } = clients.pipe(suppress<string, unknown>('slow', { until: 'timeLimit', limit: 20 }))
  const task = new PlainTask(() => {})
  const rows = { get: () => ({ value: 'now', timestamp: 7 }) }
  const asked = { previous: false, kept: false, order: 'key', origins: false, view: () => rows } as const
  const seen: unknown[] = []
  const view = node.view!(task, () => rows)
  const [input] = node.open(
    task,
    record => {
      const { key, previous } = record as Change<string, unknown>
      seen.push([key, previous, view.get(key as never)?.value])
    },
    asked,
  )
  expect(view.get('a' as never)).toEqual({ value: 'now', timestamp: 7 })
  input!(change('a', 'now', 1, 'before'))
  expect(view.get('a' as never)).toEqual({ value: 'before', timestamp: -1 })
  input!(change('new', 'now', 2))
  expect(view.get('new' as never)).toBeUndefined()
  input!(change('z', 'now', 21, 'before'))
  expect(seen).toEqual([['a', undefined, 'before']])
  expect(view.get('a' as never)).toEqual({ value: 'now', timestamp: 7 })
})

it.each<[string, () => unknown, string]>([
  ['a name that Kafka does not allow', () => suppress('a b', { until: 'timeLimit', limit: 1 }), 'RIACHO_NAME'],
  ['another until', () => suppress('s', { until: 'never' } as never), "until is 'windowCloses' or 'timeLimit'"],
  ['a limit below 0', () => suppress('s', { until: 'timeLimit', limit: -1 }), 'the limit is'],
  ['a bound of 0 keys', () => suppress('s', { until: 'timeLimit', limit: 1, recordsMax: 0 }), 'recordsMax is'],
  ['a bound of no number of bytes', () => suppress('s', { until: 'timeLimit', limit: 1, bytesMax: Number.NaN }), 'bytesMax is'],
  ['a grace below 0', () => suppress('s', { until: 'windowCloses', grace: -1 }), 'the grace is'],
  [
    'windows of which nobody says the grace',
    () => new Subject<Change<Windowed<string>, number>>().pipe(suppress('s', { until: 'windowCloses' })),
    'RIACHO_OPTION',
  ],
  ['what is no table', () => orders.pipe(suppress('s', { until: 'timeLimit', limit: 1 }) as never), 'RIACHO_NOT_A_PLAN'],
  [
    'a table without windows',
    () => (clients as unknown as KTable<Windowed<string>, Order>).pipe(suppress('s', { until: 'windowCloses' })),
    'no windowed aggregation comes before it',
  ],
  [
    'a table with a history',
    () => table('t', { key: text, value: text, historyRetention: 100 }).pipe(suppress('s', { until: 'timeLimit', limit: 1 })),
    'keeps a history',
  ],
])('refuses %s', (_what, make, message) => expect(make).toThrow(message))

it('takes windows of another application when it is told their grace', () => {
  const foreign = clients as unknown as KTable<Windowed<string>, Order>
  draw(foreign.pipe(suppress('s', { until: 'windowCloses', grace: 5 }), toStream()))
})

const read = (name: string) => topic<string, string>(name, { key: text, value: text })
const refusing = mapValues<Windowed<string>, number | null, number>(
  () => {
    throw new Error('no')
  },
  { onError: { deadLetter: 'dead' } },
)

it('in a plan finds the grace, and dead letters of what it handed on know where that came from', async () => {
  const held = merge(read('in'), read('more')).pipe(
    count('n', { window: session(4, { grace: 3 }) }),
    suppress('final', { until: 'windowCloses' }),
    toStream(),
  )
  const driver = await testDriver(topology('app', held.pipe(refusing, to('out', { value: int64 }))))
  const pipe = (name: string, key: string, timestamp: number) =>
    driver.pipe(name, { key: text.encode(key), value: text.encode('v'), timestamp })
  await pipe('in', 'a', 10)
  await pipe('more', 'b', 16)
  expect(driver.sent().filter(({ topic }) => topic === 'dead')).toEqual([])
  await pipe('more', 'b', 17)
  const [dead, ...others] = driver.sent().filter(({ topic }) => topic === 'dead')
  expect(others).toEqual([])
  expect(readDeadLetter(null, null, dead!.headers)).toMatchObject({ node: 'mapValues', topic: 'in', timestamp: 10 })
  await driver.close()
})
