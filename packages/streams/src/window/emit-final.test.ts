import { expect, it } from 'vitest'
import { aggregate } from '../operator/aggregate.ts'
import { count } from '../operator/count.ts'
import { orders, run } from '../operator/orders.fixture.ts'
import { reduce } from '../operator/reduce.ts'
import { checkEmit } from './emit-final.ts'
import { hopping } from './hopping.ts'
import { sliding } from './sliding.ts'
import { tumbling } from './tumbling.ts'

const record = (value: string, timestamp: number, key = 'k') => ({
  key,
  value,
  timestamp,
  headers: [['from', Buffer.from(value)]] as const,
})
const now = { emit: 'onClose', emitEvery: 0 } as const

it('hands on each result once, when its window has closed, in the order of start and key', async () => {
  const window = tumbling(10, { grace: 5, retention: 100 })
  const got = await run(count('n', { window, ...now }), [
    record('a', 1, 'b'),
    record('b', 2, 'a'),
    record('c', 9, 'b'),
    record('d', 14),
    record('e', 3, 'a'),
    record('f', 15),
    record('g', 60),
    record('h', 61),
  ])
  expect(got.map(({ key, value, timestamp }) => [key.start, key.key, value, timestamp])).toEqual([
    [0, 'a', 2, 3],
    [0, 'b', 2, 9],
    [10, 'k', 2, 15],
  ])
  expect(got[0]).toMatchObject({ key: { start: 0, end: 10 }, previous: null, latest: true, headers: [['from', Buffer.from('f')]] })
})

it('hands on overlapping windows as each closes', async () => {
  const window = hopping(10, { advance: 5, grace: 0, retention: 100 })
  const joined = reduce<string, string>('r', (sum, value) => sum + value, { window, ...now })
  const got = await run(joined, [record('a', 6), record('b', 8), record('c', 10), record('d', 15), record('e', 22)])
  expect(got.map(({ key, value }) => [key.start, value])).toEqual([
    [0, 'ab'],
    [5, 'abc'],
    [10, 'cd'],
  ])
})

it('hands on sliding windows as each closes; the first records of time make it go on only', async () => {
  const window = sliding(10, { grace: 2, retention: 100 })
  const joined = reduce<string, string>('r', (sum, value) => sum + value, { window, ...now })
  const got = await run(joined, [record('a', 3), record('b', 12), record('c', 13), record('d', 24), record('e', 40)])
  expect(got.map(({ key, value }) => [key.start, key.end, value])).toEqual([
    [0, 10, 'a'],
    [2, 12, 'ab'],
    [3, 13, 'abc'],
    [4, 14, 'bc'],
    [13, 23, 'c'],
    [14, 24, 'd'],
  ])
})

it('never hands on what the store has forgotten, with its default retention nearly everything, as in Kafka Streams in memory', async () => {
  const results = (retention?: number) =>
    run(count('n', { window: tumbling(10, { grace: 0, ...(retention !== undefined && { retention }) }), ...now }), [
      record('a', 1),
      record('b', 11),
      record('b', 90),
    ])
  expect([(await results()).length, (await results(100)).length]).toEqual([0, 2])
})

it.each([
  ['has no window', () => checkEmit('n', undefined, { emit: 'onClose' })],
  ['has no window', () => orders.pipe(count('n', { emit: 'onClose' } as never))],
  ['has no window', () => orders.pipe(reduce('n', a => a, { emit: 'onClose' } as never))],
  [
    'has no window',
    () =>
      orders.pipe(
        aggregate(
          'n',
          () => 0,
          () => 0,
          { emit: 'onClose' } as never,
        ),
      ),
  ],
  ["is 'onUpdate' or 'onClose'", () => orders.pipe(count('n', { window: tumbling(10, { grace: 0 }), emit: 'never' } as never))],
  ["needs emit: 'onClose'", () => orders.pipe(count('n', { window: tumbling(10, { grace: 0 }), emitEvery: 5 }))],
  ["needs emit: 'onClose'", () => orders.pipe(count('n', { emitEvery: 5 } as never))],
  ['emitEvery is a whole number', () => orders.pipe(count('n', { window: tumbling(10, { grace: 0 }), emit: 'onClose', emitEvery: -1 }))],
  ['emitEvery is a whole number', () => orders.pipe(count('n', { window: tumbling(10, { grace: 0 }), emit: 'onClose', emitEvery: 0.5 }))],
])('refuses what %s', (what, attempt) => {
  expect(attempt).toThrow(new RegExp(`RIACHO_OPTION.*${what}`))
})
