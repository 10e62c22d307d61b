import { expect, it } from 'vitest'
import { aggregate } from '../operator/aggregate.ts'
import { count } from '../operator/count.ts'
import { draw, keepsPolicies, orders, run } from '../operator/orders.fixture.ts'
import { reduce } from '../operator/reduce.ts'
import { toStream } from '../operator/to-stream.ts'
import { text } from '../serde/text.ts'
import { sliding } from './sliding.ts'

const record = (value: string | null, timestamp: number, key: string | null = 'k') => ({ key, value, timestamp, headers: [] })
const joined = (sum: string | null, value: string | null) => `${sum}${value}`
const windows = sliding(10, { grace: 100 })
const reduced = async (...records: ReturnType<typeof record>[]) =>
  (await run(reduce<string | null, string | null>('r', joined, { window: windows, value: text as never }), records)).map(change => [
    change.key.start,
    change.key.end,
    change.value,
    change.timestamp,
  ])

it('each record has a window that ends at it, and one behind it once there is something in that', async () => {
  expect(await reduced(record('a', 20), record('b', 25), record('c', 40))).toEqual([
    [10, 20, 'a', 20],
    [21, 31, 'b', 25],
    [15, 25, 'ab', 25],
    [30, 40, 'c', 40],
  ])
})

it('a record that comes late enters the windows around it, the latest first, and makes its own of what they hold', async () => {
  expect(await reduced(record('a', 20), record('b', 28), record('c', 24))).toEqual([
    [10, 20, 'a', 20],
    [21, 31, 'b', 28],
    [18, 28, 'ab', 28],
    [21, 31, 'bc', 28],
    [18, 28, 'abc', 28],
    [14, 24, 'ac', 24],
    [25, 35, 'b', 28],
  ])
})

it('records of one time share their windows', async () => {
  expect(await reduced(record('a', 20), record('b', 25), record('c', 25))).toEqual([
    [10, 20, 'a', 20],
    [21, 31, 'b', 25],
    [15, 25, 'ab', 25],
    [21, 31, 'bc', 25],
    [15, 25, 'abc', 25],
  ])
})

it('no window starts before 0: what comes before the difference shares the first', async () => {
  expect(await reduced(record('a', 3), record('b', 7), record('c', 5))).toEqual([
    [0, 10, 'a', 3],
    [4, 14, 'b', 7],
    [0, 10, 'ab', 7],
    [4, 14, 'bc', 7],
    [6, 16, 'b', 7],
    [0, 10, 'abc', 7],
  ])
  await expect(reduced(record('a', -1))).rejects.toMatchObject({ code: 'RIACHO_TIMESTAMP' })
})

it('drops null keys, null values, what is late for all windows, and for each window what is late for that', async () => {
  const got = await run(count<string | null, string | null>('n', { window: sliding(10, { grace: 5 }) }), [
    record('a', 20),
    record('b', 30, null),
    record(null, 30),
    record('c', 36, 'other'),
    record('d', 20),
    record('e', 21),
    record('f', 30),
  ])
  expect(got.map(({ key, value }) => [key.key, key.start, value])).toEqual([
    ['k', 10, 1],
    ['other', 26, 1],
    // What ends before 31 is closed: 'd' is late for everything, 'e' and 'f' for the windows that end at them, not for the one behind 'a'.
    ['k', 21, 1],
    ['k', 21, 2],
  ])
})

it('hands on what the row was made from as the old value: what the window before held, or the first value', async () => {
  const sums = aggregate(
    's',
    () => '>',
    (value: string, sum: string) => sum + value,
    { window: windows },
  )
  const got = await run(sums, [record('a', 20), record('b', 28), record('c', 24)] as never)
  expect(got.map(({ key, previous, value }) => [key.start, previous, value])).toEqual([
    [10, '>', '>a'],
    [21, '>', '>b'],
    [18, '>a', '>ab'],
    [21, '>b', '>bc'],
    [18, '>ab', '>abc'],
    [14, '>a', '>ac'],
    [25, null, '>b'],
  ])
})

it('is drawn with a window store for twice the difference, and windowed keys', () => {
  const counted = orders.pipe(count('n', { window: sliding(60, { grace: 5 }) }))
  expect(counted.node).toMatchObject({ kind: 'aggregate', timed: true, stores: [{ name: 'n', kind: 'window', retention: 125 }] })
  expect(counted.node.key!.decode(Buffer.from('a\0\0\0\0\0\0\0\x01'))).toEqual({ key: 'a', start: 1, end: 61 })
  draw(counted.pipe(toStream()))
})

keepsPolicies('s', options =>
  aggregate(
    's',
    () => 0,
    ({ cents }, sum: number) => {
      if (cents < 0) throw new RangeError(String(cents))
      return sum + cents
    },
    { window: windows, ...options },
  ),
)

it('leaves the rest of a record out when a function throws at one of its windows, and remembers what it did before', async () => {
  const picky = aggregate(
    's',
    () => '',
    (value: string, sum: string) => {
      if (sum === 'a') throw new RangeError('no')
      return sum + value
    },
    { window: windows, onError: 'skip' },
  )
  const got = await run(picky, [record('a', 20), record('b', 25), record('c', 50)] as never)
  expect(got.map(({ key, value }) => [key.start, value])).toEqual([
    [10, 'a'],
    [21, 'b'],
    [40, 'c'],
  ])
})
