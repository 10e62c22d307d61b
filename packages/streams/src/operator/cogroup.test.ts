import { firstValueFrom, from, toArray } from 'rxjs'
import { expect, it } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { session } from '../window/session.ts'
import { tumbling } from '../window/tumbling.ts'
import { cogroup } from './cogroup.ts'
import { count } from './count.ts'
import { clients, draw, type Order, orders } from './orders.fixture.ts'
import { regroup } from './regroup.ts'
import { selectKey } from './select-key.ts'
import { toStream } from './to-stream.ts'
import { topic } from './topic.ts'

const refunds = topic('refunds', { key: text, value: json<Order>() })
const cents = (order: Order, sum: number): number => sum + order.cents
const back = (refund: Order, sum: number): number => sum - refund.cents

const record = (key: string | null, value: string | null, timestamp = 0) =>
  ({ key, value, timestamp, headers: [] }) as unknown as StreamRecord<string, string>
const plus = (value: string | null, sum: string) => `${sum}+${value}`
const minus = (value: string | null, sum: string) => `${sum}-${value}`

it('adds what comes on each input with its own function, to one result', async () => {
  const sums = cogroup('n', () => '>', [
    [from([record('a', '1', 5), record('b', '2')]), plus],
    [from([record('a', '3', 4), record('c', '4')]), minus],
  ])
  expect(await firstValueFrom(sums.pipe(toArray()))).toMatchObject([
    { key: 'a', value: '>+1', previous: '>', timestamp: 5 },
    { key: 'b', value: '>+2', previous: '>' },
    { key: 'a', value: '>+1-3', previous: '>+1', timestamp: 5 },
    { key: 'c', value: '>-4', previous: '>' },
  ])
})

it('is done when all inputs are, and fails when one does', async () => {
  const one = from([record('a', '1')])
  const failing = cogroup('n', () => '', [
    [one, plus],
    [
      one,
      () => {
        throw new RangeError('no')
      },
    ],
  ])
  await expect(firstValueFrom(failing.pipe(toArray()))).rejects.toMatchObject({ code: 'RIACHO_PROCESSING', place: { node: 'n[1]' } })
  const skipping = cogroup(
    'n',
    () => '',
    [
      [
        one,
        () => {
          throw new RangeError('no')
        },
      ],
      [one, plus],
    ],
    { onError: 'skip' },
  )
  expect((await firstValueFrom(skipping.pipe(toArray()))).map(change => change.value)).toEqual(['+1'])
})

it('is late by the time of each input alone', async () => {
  const window = tumbling(10, { grace: 0, retention: 1000 })
  const counts = cogroup(
    'n',
    () => '',
    [
      [from([record('a', '1', 100), record('a', '2', 1)]), plus],
      [from([record('a', '3', 2), record('a', '4', 3)]), minus],
    ],
    { window },
  )
  const got = await firstValueFrom(counts.pipe(toArray()))
  expect(got.map(({ key, value }) => [key.start, value])).toEqual([
    [100, '+1'],
    [0, '-3'],
    [0, '-3-4'],
  ])
})

it('joins sessions that a record of another input connects', async () => {
  const got = await firstValueFrom(
    cogroup(
      'n',
      () => '',
      [
        [from([record('a', '1', 0), record('a', '2', 10)]), plus],
        [from([record('a', '3', 5), record(null, '4', 5)]), minus],
      ],
      { window: session(5, { grace: 10 }), merge: (earlier, later) => `${earlier}&${later}` },
    ).pipe(toArray()),
  )
  expect(got.map(({ key, value, previous }) => [key.start, key.end, value, previous])).toEqual([
    [0, 0, '+1', null],
    [10, 10, '+2', null],
    [0, 0, null, '+1'],
    [10, 10, null, '+2'],
    [0, 10, '&+1&+2-3', null],
  ])
})

it('has one store of its name, whatever the number of inputs, and JSON results unless it is told', () => {
  const spent = cogroup(
    'spent',
    () => 0,
    [
      [orders, cents],
      [refunds, back],
    ],
    { value: int64, onError: { deadLetter: 'dead' } },
  )
  expect(spent.node).toMatchObject({
    kind: 'aggregate',
    label: 'spent',
    key: text,
    value: int64,
    partitioned: true,
    keyed: true,
    timed: false,
  })
  expect(spent.node.stores).toMatchObject([{ name: 'spent', kind: 'key-value' }])
  expect([spent.node.parents, spent.node.deadLetters]).toEqual([[orders.node, refunds.node], ['dead']])
  expect([...draw(spent.pipe(toStream())).stores.keys()]).toEqual(['spent'])
  const inSessions = cogroup('visits', () => 0, [[orders, cents]], { window: session(10, { grace: 5 }), merge: (a, b) => a + b })
  expect(inSessions.node).toMatchObject({ value: json(), timed: true, stores: [{ kind: 'session', retention: 15 }] })
})

it('refuses no inputs, streams that are not partitioned, keys of different serdes, regrouped tables, and sessions without merge', () => {
  const init = () => 0
  expect(() => cogroup('n', init, [] as never)).toThrow(/RIACHO_OPTION.*no streams/)
  expect(() => cogroup('a b', init, [[orders, cents]])).toThrow('RIACHO_NAME')
  const scattered = orders.pipe(selectKey(order => order.client))
  expect(() =>
    cogroup('n', init, [
      [orders, cents],
      [scattered, cents],
    ]),
  ).toThrow(/RIACHO_NOT_PARTITIONED.*'n'/)
  const others = topic('others', { key: json<string>(), value: json<Order>() })
  expect(() =>
    cogroup('n', init, [
      [orders, cents],
      [others, cents],
    ]),
  ).toThrow(/RIACHO_NO_SERDE.*different serdes/)
  const perCity = clients.pipe(regroup('g', client => [client.city, 1], { key: text, value: int64 }))
  expect(() => cogroup('n', init, [[perCity as never, cents]])).toThrow(/RIACHO_OPTION.*'g' is a regrouped table/)
  expect(() => cogroup('n', init, [[orders, cents]], { window: session(1, { grace: 0 }) } as never)).toThrow(/RIACHO_OPTION.*merge/)
  expect(() =>
    cogroup('n', init, [
      [orders, cents],
      [from<StreamRecord<string, Order>[]>([]), cents],
    ]),
  ).toThrow('RIACHO_MIXED')
  expect(() => draw(cogroup('n', init, [[orders, cents]]), orders.pipe(count('n')))).toThrow('RIACHO_NAME')
})
