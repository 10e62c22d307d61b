import { pipe } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { Change } from '../contract/record.ts'
import { PlainTask } from '../plain/task.ts'
import { makeNode } from '../plan/node.ts'
import { compositeKey } from '../serde/composite-key.ts'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { Stream } from '../stream.ts'
import { DeltaValue } from '../window/table-aggregation.ts'
import { aggregate } from './aggregate.ts'
import { count } from './count.ts'
import { cents, clients, draw, keepsPolicies, type Order, run } from './orders.fixture.ts'
import { reduce } from './reduce.ts'
import { regroup } from './regroup.ts'
import { toTable } from './to-table.ts'

interface Row {
  readonly city: string | null
  readonly n: number | null
}
const row = (city: string | null, n: number | null): Row => ({ city, n })
const change = (value: Row | null, previous: Row | null): Change<string, Row> => ({
  key: 'k',
  value,
  previous,
  timestamp: 5,
  headers: [],
  latest: true,
})
const byCity = regroup<string, Row, string, number>('by-city', ({ city, n }) => [city, n], { key: text, value: int64 })

it('takes the old row from its group and adds the new one: in one message when the group is the same', async () => {
  const got = await run(byCity, [
    change(row('a', 1), null),
    change(row('a', 2), row('a', 1)),
    change(row('b', 2), row('a', 2)),
    change(null, row('b', 2)),
  ])
  const at = (key: string, value: number | null, previous: number | null) => ({
    key,
    value: new DeltaValue(value, previous),
    timestamp: 5,
    headers: [],
  })
  expect(got).toEqual([at('a', 1, null), at('a', 2, 1), at('a', null, 2), at('b', 2, null), at('b', null, 2)])
})

it('leaves out rows of no group', async () => {
  expect(await run(byCity, [change(row(null, 1), null), change(row('a', null), row(null, 1)), change(null, null)])).toEqual([])
})

it('compares composite keys by their bytes', async () => {
  const grouped = regroup<string, Row, { city: string }, number>('g', ({ city, n }) => [{ city: city! }, n], {
    key: compositeKey({ city: text }),
    value: int64,
  })
  expect(await run(grouped, [change(row('a', 2), row('a', 1))])).toHaveLength(1)
})

it('is aggregated as a table, on a plain Observable too', async () => {
  const changes = [change(row('a', 1), null), change(row('a', 5), row('a', 1)), change(row('b', 5), row('a', 5)), change(null, row('b', 5))]
  const seen = async (operator: Parameters<typeof run>[0]) =>
    (await run(operator as never, changes)).map(each => [(each as Change<string, number>).key, (each as Change<string, number>).value])
  expect(await seen(source => byCity(source as never).pipe(count('n')))).toEqual([
    ['a', 1],
    ['a', 1],
    ['a', 0],
    ['b', 1],
    ['b', 0],
  ])
  const sum = reduce<string, number>('n', (a, b) => a + b, { subtract: (a, b) => a - b })
  expect(await seen(source => byCity(source as never).pipe(sum))).toEqual([
    ['a', 1],
    ['a', 5],
    ['a', 0],
    ['b', 5],
    ['b', 0],
  ])
  const spelled = aggregate<string, number, string>(
    'n',
    () => '',
    (n, all) => `${all}+${n}`,
    { subtract: (n, all) => `${all}-${n}` },
  )
  expect(await seen(source => byCity(source as never).pipe(spelled))).toEqual([
    ['a', '+1'],
    ['a', '+1-1+5'],
    ['a', '+1-1+5-5'],
    ['b', '+5'],
    ['b', '+5-5'],
  ])
  await expect(seen(source => byCity(source as never).pipe(reduce('n', (a: number, b: number) => a + b) as never))).rejects.toMatchObject({
    code: 'RIACHO_OPTION',
  })
})

it('moves deltas by their new key, and asks for old values', () => {
  const stream = clients.pipe(regroup('by-city', client => [client.city, 1], { key: text, value: int64 }))
  expect(stream.node).toMatchObject({
    kind: 'rekey',
    label: 'by-city',
    key: text,
    partitioned: true,
    deltas: true,
    wishes: [{ of: 0, previous: 'always' }],
    repartition: { optional: false },
  })
  const delta = new DeltaValue<number>(2, 1)
  expect(stream.node.value!.decode(stream.node.value!.encode(delta))).toEqual(delta)
  expect(stream.node.value!.decode(stream.node.value!.encode(new DeltaValue(null, 1)))).toEqual(new DeltaValue(null, 1))
  expect(draw(stream.pipe(count('clients-per-city'))).asked.has(clients.node)).toBe(true)
})

it('takes a field that is missing for no group', async () => {
  const missing = {} as unknown as Row
  expect(await run(byCity, [change(missing, null), change(row('a', 1), missing), change(null, missing)])).toHaveLength(1)
})

it('leaves late changes of a table ordered by time out: groups hold the rows of now', async () => {
  const versioned = new Stream<Change<string, Row>>(makeNode({ ...clients.node, versioned: true }))
  const opened = (stream: typeof versioned) => {
    const got: unknown[] = []
    const { open } = (stream.pipe(byCity as never) as typeof versioned).node
    const [input] = open(new PlainTask(() => {}), record => got.push(record), { previous: true } as never)
    input!({ ...change(row('a', 1), null), latest: false })
    input!(change(row('a', 2), null))
    return got
  }
  expect(opened(versioned)).toHaveLength(1)
  expect(opened(clients as never)).toHaveLength(2)
})

keepsPolicies('g', options =>
  pipe(
    toTable<string, Order>({ store: 'rows' }),
    regroup('g', order => [order.client, cents(order)], { key: text, value: int64, ...options }),
  ),
)

describe('an aggregation of a regrouped table', () => {
  keepsPolicies('sum', options =>
    pipe(
      toTable<string, Order>({ store: 'rows' }),
      regroup('g', order => [order.client, order], { key: text, value: json<Order>() }),
      aggregate(
        'sum',
        () => 0,
        (order, sum) => sum + cents(order),
        { subtract: (order, sum) => sum - cents(order), ...options },
      ),
    ),
  )
  keepsPolicies('largest', options =>
    pipe(
      toTable<string, Order>({ store: 'rows' }),
      regroup('g', order => [order.client, order], { key: text, value: json<Order>() }),
      reduce('largest', (a: Order, b: Order) => (cents(a) > cents(b) ? a : b), { subtract: (a: Order) => a, ...options }),
    ),
  )
})

it('shows the group to adder and subtractor', async () => {
  const spelled = aggregate(
    'n',
    () => '',
    (n: number, all: string, key: string) => `${all}+${key}${n}`,
    { subtract: (n, all, key) => `${all}-${key}${n}` },
  )
  const changes = [change(row('a', 1), null), change(row('a', 2), row('a', 1))]
  const got = await run(source => byCity(source).pipe(spelled), changes)
  expect(got.map(each => each.value)).toEqual(['+a1', '+a1-a1+a2'])
})
