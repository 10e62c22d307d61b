import { expect, it } from 'vitest'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { count } from './count.ts'
import { flatMap } from './flat-map.ts'
import { mapValues } from './map-values.ts'
import { draw, order, orders, run } from './orders.fixture.ts'
import { repartition } from './repartition.ts'
import { selectKey } from './select-key.ts'

it('hands records on as they are', async () => {
  expect(await run(repartition('r'), [order(1)])).toEqual([order(1)])
})

it('partitions by key, with the inherited serdes or its own, JSON for values that have none', () => {
  const { key, value } = orders.node
  const byClient = orders.pipe(selectKey(order => order.client))
  expect(byClient.pipe(repartition('r')).node).toMatchObject({
    kind: 'rekey',
    label: 'r',
    key,
    value,
    partitioned: true,
    repartition: { name: 'r', optional: false },
  })
  expect(
    byClient.pipe(
      mapValues(order => order.cents),
      repartition('r'),
    ).node.value,
  ).toBe(json())
  expect(
    byClient.pipe(
      mapValues(order => order.cents),
      repartition('r', { value: int64, partitions: 3 }),
    ).node.repartition,
  ).toMatchObject({ value: int64, partitions: 3 })
})

it('always moves the data', () => {
  expect(draw(orders.pipe(repartition('r'))).subTopologies.map(part => part.topics)).toEqual([['orders'], ['app-r-repartition']])
  draw(
    orders.pipe(
      selectKey(order => order.client),
      repartition('by-client'),
      count('orders-per-client'),
    ),
  )
})

it('refuses a key without a serde, names that are none, and no partitions', () => {
  const words = orders.pipe(flatMap(order => [[order.client, 1] as const]))
  expect(() => words.pipe(repartition('r'))).toThrow(/RIACHO_NO_SERDE.*'r'/)
  expect(words.pipe(repartition('r', { key: text })).node.key).toBe(text)
  for (const name of ['', 'a b', '..', 'x'.repeat(201)]) expect(() => orders.pipe(repartition(name))).toThrow('RIACHO_NAME')
  for (const partitions of [0, -1, 1.5]) expect(() => orders.pipe(repartition('r', { partitions }))).toThrow('RIACHO_OPTION')
})

it('two of a name are an error', () => {
  expect(() => draw(orders.pipe(repartition('r')), orders.pipe(repartition('r')))).toThrow('RIACHO_NAME')
})

it('goes where it is told, and has a policy for what cannot be written; such a topic is not shared', () => {
  const partition = () => 1
  const onError = { deadLetter: 'dead' }
  const { node } = orders.pipe(repartition('r', { partition, onError }))
  expect(node).toMatchObject({ repartition: { partition, onError }, deadLetters: ['dead'] })
  expect([node.repartition?.mergeable, orders.pipe(repartition('s')).node.repartition?.mergeable]).toEqual([undefined, true])
})
