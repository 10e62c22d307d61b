import { expect, it } from 'vitest'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { hopping } from '../window/hopping.ts'
import { aggregate } from './aggregate.ts'
import { cents, clients, draw, keepsPolicies, order, orders, run } from './orders.fixture.ts'
import { regroup } from './regroup.ts'
import { toStream } from './to-stream.ts'

const record = (value: string, timestamp = 0) => ({ key: 'a', value, timestamp, headers: [] })
const joined = (value: string, sum: string) => sum + value
const values = (changes: readonly { readonly value: unknown }[]) => changes.map(change => change.value)

it('folds the values of each key from what init made', async () => {
  expect(
    values(
      await run(
        aggregate('s', () => '>', joined),
        [record('a'), record('b')],
      ),
    ),
  ).toEqual(['>a', '>ab'])
})

it('sees the whole record', async () => {
  const times = aggregate<string, string, number>(
    't',
    () => 0,
    (_value, sum, { timestamp }) => sum + timestamp,
  )
  expect(values(await run(times, [record('x', 3), record('x', 4)]))).toEqual([3, 7])
})

it('deletes with null, and begins with init again', async () => {
  const short = aggregate<string, string, string>(
    's',
    () => '>',
    (value, sum) => (sum.length > 2 ? null : sum + value),
  )
  expect(values(await run(short, [record('a'), record('b'), record('c'), record('d')]))).toEqual(['>a', '>ab', null, '>d'])
})

it('folds by each window that a record is in, oldest first', async () => {
  const window = hopping(10, { advance: 5, grace: 0 })
  const got = await run(
    aggregate('s', () => '', joined, { window }),
    [record('a', 6), record('b', 12)],
  )
  expect(got.map(change => [change.key.start, change.value])).toEqual([
    [0, 'a'],
    [5, 'a'],
    [5, 'ab'],
    [10, 'b'],
  ])
})

it('has JSON results unless it is told; of a regrouped table it needs subtract', () => {
  const sums = orders.pipe(
    aggregate(
      'cents-per-client',
      () => 0,
      (order, sum) => sum + order.cents,
      { value: int64 },
    ),
  )
  expect(sums.node).toMatchObject({ kind: 'aggregate', label: 'cents-per-client', key: orders.node.key, value: int64, keyed: true })
  expect(
    orders.pipe(
      aggregate(
        'n',
        () => 0,
        (_order, sum) => sum + 1,
      ),
    ).node.value,
  ).toBe(json())
  draw(sums.pipe(toStream()))
  const perCity = clients.pipe(regroup('by-city', client => [client.city, 1], { key: text, value: int64 }))
  const plus = (n: number, sum: number) => sum + n
  draw(perCity.pipe(aggregate('sum', () => 0, plus, { subtract: (n, sum) => sum - n })))
  expect(() => perCity.pipe(aggregate('sum', () => 0, plus) as never)).toThrow(/RIACHO_OPTION.*subtract/)
})

it('hands on what a key was before, init at first', async () => {
  const got = await run(
    aggregate(
      's',
      () => 0,
      (value, sum: number) => sum + value.cents,
    ),
    [order(1), order(1)],
  )
  expect(got.map(change => change.previous)).toEqual([0, 1])
})

keepsPolicies('s', options =>
  aggregate(
    's',
    () => 0,
    (value, sum: number) => sum + cents(value),
    options,
  ),
)
