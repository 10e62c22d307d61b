import { expect, it } from 'vitest'
import type { Emit, Task } from '../contract/task.ts'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { keyValueStore } from '../store/key-value.ts'
import { draw, type Order, order, orders } from './orders.fixture.ts'
import { processInto } from './process-into.ts'
import { selectKey } from './select-key.ts'
import { to } from './to.ts'

const outputs = { large: { key: text, value: json<Order>() }, cents: { key: text, value: int64 } }
const bySize = (to?: string) =>
  processInto(
    orders,
    'by-size',
    ({ forward }) =>
      record => {
        if (record.value.cents > 10) forward(record, 'large')
        forward({ ...record, value: record.value.cents }, (to ?? 'cents') as 'cents')
      },
    { outputs },
  )

function opened(streams: ReturnType<typeof bySize>) {
  const sent: unknown[] = []
  const task = { position: () => null, now: () => 0 } as unknown as Task
  const [input] = streams.large.node.parents[0]!.open(
    task,
    (record, port) => sent.push([port, (record as { value: unknown }).value]),
    {} as never,
  )
  return { input: input as Emit, sent }
}

it('forwards to the output that it names, in order', () => {
  const { input, sent } = opened(bySize())
  input(order(1))
  input(order(11))
  expect(sent).toEqual([
    ['cents', 1],
    ['large', { client: 'a', cents: 11 }],
    ['cents', 11],
  ])
})

it('gives each output its serdes, and promises no partitions', () => {
  const { large, cents } = bySize()
  expect(large.node).toMatchObject({ label: 'by-size:large', port: 'large', key: text, partitioned: false })
  expect(cents.node).toMatchObject({ port: 'cents', key: text, value: int64, partitioned: false })
  expect(draw(large.pipe(to('large')), cents.pipe(to('cents'))).nodes.map(node => node.label)).toEqual([
    'orders',
    'by-size',
    'by-size:large',
    'large',
    'by-size:cents',
    'cents',
  ])
})

it('refuses an output that there is not', () => {
  const { input } = opened(bySize('small'))
  expect(() => input(order(1))).toThrow(/RIACHO_OPTION.*'by-size' forwards to 'small'.*large, cents/)
})

it('with stores it needs partitions, unless they do not go by the key', () => {
  const scattered = orders.pipe(selectKey(order => order.client))
  const stores = [keyValueStore('seen', { key: text, value: int64 })]
  const drawn = (keyed?: false) =>
    processInto(scattered, 'p', () => () => {}, { outputs: { out: {} }, stores, ...(keyed !== undefined && { keyed }) })
  expect(() => drawn()).toThrow('RIACHO_NOT_PARTITIONED')
  expect(draw(drawn(false).out).stores.has('seen')).toBe(true)
  expect(() => processInto(orders, 'a b', () => () => {}, { outputs: {} })).toThrow('RIACHO_NAME')
})
