import { expect, it } from 'vitest'
import { int64 } from '../serde/numbers.ts'
import { minutes } from '../window/duration.ts'
import { tumbling } from '../window/tumbling.ts'
import { count } from './count.ts'
import { draw, orders, run } from './orders.fixture.ts'
import { selectKey } from './select-key.ts'
import { toStream } from './to-stream.ts'

const record = (key: string | null, value: number | null, timestamp: number) => ({ key, value, timestamp, headers: [] })

it('hands on every new count, with the later time of row and record', async () => {
  const got = await run(count('n'), [record('a', 1, 5), record('b', 1, 3), record('a', 1, 4)])
  expect(got).toMatchObject([
    { key: 'a', value: 1, timestamp: 5 },
    { key: 'b', value: 1, timestamp: 3 },
    { key: 'a', value: 2, previous: 1, timestamp: 5 },
  ])
})

it('drops null keys and null values', async () => {
  expect(await run(count('n'), [record(null, 1, 0), record('a', null, 0)])).toEqual([])
})

it('counts in windows: null values too, late records not', async () => {
  const window = tumbling(10, { grace: 5 })
  const got = await run(count('n', { window }), [
    record('a', 1, 1),
    record('a', null, 9),
    record('a', 1, 14),
    record('a', 1, 2),
    record('a', 1, 15),
    record('a', 1, 3),
  ])
  expect(got.map(change => [change.key, change.value])).toEqual([
    [{ key: 'a', start: 0, end: 10 }, 1],
    [{ key: 'a', start: 0, end: 10 }, 2],
    [{ key: 'a', start: 10, end: 20 }, 1],
    [{ key: 'a', start: 0, end: 10 }, 3],
    [{ key: 'a', start: 10, end: 20 }, 2],
  ])
})

it('has a store of its name, counts as values, and windowed keys in windows', () => {
  const stream = orders.pipe(count('orders-per-client'))
  expect(stream.node).toMatchObject({
    kind: 'aggregate',
    label: 'orders-per-client',
    key: orders.node.key,
    value: int64,
    partitioned: true,
    keyed: true,
    timed: false,
  })
  expect(stream.node.stores).toMatchObject([{ name: 'orders-per-client', kind: 'key-value' }])
  const window = tumbling(minutes(1), { grace: minutes(5) })
  const windowed = orders.pipe(count('orders-per-minute', { window }))
  expect(windowed.node).toMatchObject({ timed: true, stores: [{ kind: 'window', retention: minutes(6) }] })
  expect(windowed.node.key!.encode({ key: 'a', start: 0, end: 60_000 })).toEqual(Buffer.from('a\0\0\0\0\0\0\0\0'))
  draw(windowed.pipe(toStream()))
})

it('refuses names that are none, streams that are not partitioned, and two stores of a name', () => {
  expect(() => count('a b')).toThrow('RIACHO_NAME')
  expect(() =>
    orders.pipe(
      selectKey(order => order.client),
      count('n'),
    ),
  ).toThrow(/RIACHO_NOT_PARTITIONED.*'n'/)
  expect(() => draw(orders.pipe(count('n')), orders.pipe(count('n')))).toThrow('RIACHO_NAME')
})
