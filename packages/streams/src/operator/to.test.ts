import { expect, it } from 'vitest'
import type { SinkSpec } from '../contract/task.ts'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { minutes } from '../window/duration.ts'
import { tumbling } from '../window/tumbling.ts'
import { count } from './count.ts'
import { filter } from './filter.ts'
import { flatMap } from './flat-map.ts'
import { mapValues } from './map-values.ts'
import { draw, order, orders, run } from './orders.fixture.ts'
import { to } from './to.ts'
import { toStream } from './to-stream.ts'
import { updates } from './updates.ts'

it('exists in plans only', () => {
  expect(() => run(to('out'), [order(1)])).toThrow(/RIACHO_PLAN_ONLY.*to\('out'\)/)
})

it('writes with the inherited serdes, with its own, or JSON', () => {
  const { key, value } = orders.node
  expect(orders.pipe(to('out')).node).toMatchObject({ kind: 'sink', label: 'out', sink: { topic: 'out', key, value } })
  const cents = orders.pipe(mapValues(order => order.cents))
  expect(cents.pipe(to('out')).node.sink?.value).toBe(json())
  expect(cents.pipe(to('out', { value: int64 })).node.sink?.value).toBe(int64)
  draw(
    orders.pipe(
      filter(order => order.cents > 100_000),
      to('orders-large'),
    ),
  )
  draw(orders.pipe(count('orders-per-client'), toStream(), to('counts', { value: int64 })))
})

it('chooses topic and partition per record if it is told', () => {
  const topic = () => 'out'
  const partition = () => 3
  expect(orders.pipe(to(topic, { partition })).node).toMatchObject({ label: 'to', sink: { topic, partition } })
})

it('has a policy for what cannot be written', () => {
  const onError = { deadLetter: 'dead' }
  expect(orders.pipe(to('out', { onError })).node).toMatchObject({ sink: { onError }, deadLetters: ['dead'] })
  const plain = orders.pipe(to('out', { onError: 'skip' })).node
  expect([plain.sink?.onError, plain.deadLetters, orders.pipe(to('out')).node.sink?.onError]).toEqual(['skip', undefined, undefined])
})

it('chooses the partition of a windowed key by the inner key', () => {
  const perMinute = orders.pipe(count('n', { window: tumbling(minutes(1), { grace: 0 }) }), updates(), to('out'))
  const sink = perMinute.node.sink as SinkSpec
  expect(sink.partitionKey?.({ key: 'a', start: 0, end: 1 })).toEqual(text.encode('a'))
})

it('refuses a key without a serde', () => {
  expect(() =>
    orders.pipe(
      flatMap(order => [[order.client, 1] as const]),
      to('out'),
    ),
  ).toThrow(/RIACHO_NO_SERDE.*'out'/)
})
