import { expect, it } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import { aggregate } from '../operator/aggregate.ts'
import { count } from '../operator/count.ts'
import { draw, orders, run } from '../operator/orders.fixture.ts'
import { reduce } from '../operator/reduce.ts'
import { toStream } from '../operator/to-stream.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { LoggingTask } from '../store/logged.fixture.ts'
import { sessionStore } from '../store/session.ts'
import { session } from './session.ts'
import { sessions } from './session-aggregation.ts'

const record = (timestamp: number, value: string | null = 'v', key: string | null = 'a') =>
  ({ key, value, timestamp, headers: [['trace', Buffer.from('t')]] }) as unknown as StreamRecord<string, string>
const window = session(5, { grace: 10, retention: 1000 })
const joined = (value: string | null, sum: string) => sum + value
const merge = (earlier: string, later: string) => `${earlier}&${later}`

it('joins what lies at most the gap apart, and hands on each session that is no more before the new one', async () => {
  const got = await run(
    aggregate('s', () => '>', joined, { window, merge }),
    [record(0, '1'), record(10, '2'), record(16, '3'), record(5, '4')],
  )
  expect(got).toEqual([
    { key: { key: 'a', start: 0, end: 0 }, value: '>1', previous: null, timestamp: 0, headers: [], latest: true },
    { key: { key: 'a', start: 10, end: 10 }, value: '>2', previous: null, timestamp: 10, headers: [], latest: true },
    { key: { key: 'a', start: 16, end: 16 }, value: '>3', previous: null, timestamp: 16, headers: [], latest: true },
    { key: { key: 'a', start: 0, end: 0 }, value: null, previous: '>1', timestamp: 0, headers: [], latest: true },
    { key: { key: 'a', start: 10, end: 10 }, value: null, previous: '>2', timestamp: 10, headers: [], latest: true },
    { key: { key: 'a', start: 0, end: 10 }, value: '>&>1&>24', previous: null, timestamp: 10, headers: [], latest: true },
  ])
})

it('writes over a session that a record at its only time falls into', async () => {
  const got = await run(count('n', { window }), [record(7), record(7)])
  expect(got.map(({ key, value }) => [key.start, key.end, value])).toEqual([
    [7, 7, 1],
    [7, 7, 2],
  ])
})

it('drops null keys, and records whose session ended too long ago, but none that a live session takes', async () => {
  const got = await run(count('n', { window }), [record(100), record(84), record(85), record(81), record(79), record(1, 'v', null)])
  expect(got.map(({ key, value }) => [key.start, key.end, value])).toEqual([
    [100, 100, 1],
    [85, 85, 1],
    [85, 85, null],
    [81, 85, 2],
    [81, 85, null],
    [79, 85, 3],
  ])
})

it('does not find a session that its store no longer shows: by default it shows one for gap and grace', async () => {
  const got = await run(count('n', { window: session(5, { grace: 10 }) }), [record(100), record(85), record(90)])
  expect(got.map(({ key, value }) => [key.start, key.end, value])).toEqual([
    [100, 100, 1],
    [85, 85, 1],
    [90, 90, 1],
  ])
})

it('counts null values; a reduction keeps the first as it is, and combines sessions as it does values', async () => {
  expect((await run(count('n', { window }), [record(0, null), record(1, null)])).map(change => change.value)).toEqual([1, null, 2])
  const reduced = await run(
    reduce<string, string>('r', (a, b) => a + b, { window }),
    [record(0, 'x'), record(10, 'y'), record(5, 'z')],
  )
  expect(reduced.at(-1)).toMatchObject({ key: { start: 0, end: 10 }, value: 'xyz' })
})

it('deletes with null, and forgets the session', async () => {
  const short = aggregate<string, string, string>(
    's',
    () => '',
    (value, sum) => (value === '!' ? null : sum + value),
    { window, merge: (a, b) => a + b },
  )
  const got = await run(short, [record(0, 'x'), record(1, '!'), record(2, 'y')])
  expect(got.map(({ key, value }) => [key.start, key.end, value])).toEqual([
    [0, 0, 'x'],
    [0, 0, null],
    [0, 1, null],
    [2, 2, 'y'],
  ])
})

it('leaves everything as it is when a function throws for a record that is skipped', async () => {
  const picky = aggregate<string, string, string>(
    's',
    () => '',
    (value, sum) => {
      if (value === '!') throw new RangeError('no')
      return sum + value
    },
    { window, merge: (a, b) => a + b, onError: 'skip' },
  )
  const got = await run(picky, [record(0, 'x'), record(1, '!'), record(2, 'y')])
  expect(got.map(({ key, value }) => [key.start, key.end, value])).toEqual([
    [0, 0, 'x'],
    [0, 0, null],
    [0, 2, 'xy'],
  ])
})

it('hands on a session once it has closed, with the headers of the record that closed it', async () => {
  const got = await run(count('n', { window, emit: 'onClose', emitEvery: 0 }), [
    record(0),
    record(3, 'v', 'b'),
    record(4),
    record(19),
    record(20),
    record(100),
    record(1, 'v', null),
  ])
  expect(got.map(({ key, value, timestamp }) => [key.key, key.start, key.end, value, timestamp])).toEqual([
    ['b', 3, 3, 1, 3],
    ['a', 0, 4, 2, 4],
    ['a', 19, 20, 2, 20],
  ])
  expect(got[0]).toMatchObject({ previous: null, headers: [['trace', Buffer.from('t')]], latest: true })
})

it('looks for closed sessions at the first record, and then no sooner than a second later', async () => {
  const got = await run(count('n', { window, emit: 'onClose' }), [record(0), record(100), record(200)])
  expect(got).toEqual([])
})

it('keeps sessions under keys of their own, with their retention', () => {
  const { node } = orders.pipe(count('visits', { window }))
  expect(node).toMatchObject({
    kind: 'aggregate',
    timed: true,
    value: int64,
    stores: [{ name: 'visits', kind: 'session', retention: 1000 }],
  })
  expect(Buffer.from(node.key!.encode({ key: 'a', start: 1, end: 2 })).toString('hex')).toBe('6100000000000000020000000000000001')
  draw(orders.pipe(count('visits', { window }), toStream()))
})

it('shows the rows of the table by session, at the time of its end', () => {
  const store = sessionStore('s', { key: text, value: text, retention: 100 }).create(new LoggingTask())
  store.put('a', 1, 3, 'x', 9)
  const view = sessions.view(store)
  expect(view.get({ key: 'a' as never, start: 1, end: 3 })).toEqual({ value: 'x', timestamp: 3 })
  expect(view.get({ key: 'a' as never, start: 1, end: 2 })).toBeUndefined()
})

it('needs to know how two sessions become one', () => {
  expect(() => aggregate('s', () => '', joined, { window } as never)).toThrow(/RIACHO_OPTION.*merge/)
})

it.each([
  ['gap', () => session(-1, { grace: 0 })],
  ['gap', () => session(1.5, { grace: 0 })],
  ['grace', () => session(1, { grace: -1 })],
  ['retention', () => session(10, { grace: 5, retention: 14 })],
])('refuses a %s that makes no sense', (what, make) => {
  expect(make).toThrow(new RegExp(`RIACHO_OPTION.*the ${what} is`))
})

it('a gap of 0 joins records of the same time', async () => {
  const got = await run(count('n', { window: session(0, { grace: 10 }) }), [record(3), record(4), record(3)])
  expect(got.map(({ key, value }) => [key.start, value])).toEqual([
    [3, 1],
    [4, 1],
    [3, 2],
  ])
})
