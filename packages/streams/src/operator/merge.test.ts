import { firstValueFrom, from, of, toArray } from 'rxjs'
import { expect, it } from 'vitest'
import { int32, int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { windowedKey } from '../wire/windowed-key.ts'
import { count } from './count.ts'
import { filter } from './filter.ts'
import { mapValues } from './map-values.ts'
import { merge } from './merge.ts'
import { draw, order, orders } from './orders.fixture.ts'
import { repartition } from './repartition.ts'
import { selectKey } from './select-key.ts'
import { to } from './to.ts'
import { topic } from './topic.ts'

it('hands on all records of all inputs', async () => {
  const merged = merge(from([order(1), order(2)]), of(order(3)))
  expect(await firstValueFrom(merged.pipe(toArray()))).toEqual([order(1), order(2), order(3)])
})

it('keeps serdes that are the same, and is partitioned if all inputs are', () => {
  const { key, value } = orders.node
  const merged = merge(orders, orders.pipe(filter(() => true)))
  expect(merged.node).toMatchObject({ kind: 'merge', label: 'merge', key, value, partitioned: true })
  draw(merged.pipe(count('orders-per-client')))
  const mixed = merge(topic('t', { key: text, value: int64 }), orders.pipe(mapValues(() => 1)))
  expect(mixed.node).toMatchObject({ key: text, value: undefined, partitioned: true })
  const rekeyed = merge(orders, orders.pipe(selectKey(order => order.client)))
  expect(rekeyed.node.partitioned).toBe(false)
  expect(() => rekeyed.pipe(count('n'))).toThrow('RIACHO_NOT_PARTITIONED')
})

it('refuses Streams beside plain Observables', () => {
  expect(() => merge(orders, of(order(1)))).toThrow('RIACHO_MIXED')
})

it('one stream merged with itself gives each record twice, and is one child of it', async () => {
  const records = from([order(1), order(2)])
  expect(await firstValueFrom(merge(records, records).pipe(toArray()))).toHaveLength(4)
  const twice = merge(orders, orders)
  expect(draw(twice).children.get(orders.node)).toEqual([twice.node])
})

it('refuses to guess how values are written whose serdes differ', () => {
  const key = text
  const both = merge(topic('a', { key, value: int64 }), topic('b', { key, value: int32 }))
  expect(() => both.pipe(to('out'))).toThrow('RIACHO_NO_SERDE')
  expect(() => both.pipe(repartition('again'))).toThrow('RIACHO_NO_SERDE')
  expect(() =>
    both.pipe(
      filter(() => true),
      to('out'),
    ),
  ).toThrow('RIACHO_NO_SERDE')
  expect(both.pipe(to('out', { value: int64 })).node.sink?.value).toBe(int64)
  const same = merge(topic('a', { key, value: windowedKey(text, 5) }), topic('b', { key, value: windowedKey(text, 5) }))
  expect(same.pipe(to('out')).node.sink?.value.passId).toBe('windowed(text,5)')
})
