import { expect, it } from 'vitest'
import { text } from '../serde/text.ts'
import { flatMap } from './flat-map.ts'
import { cents, draw, keepsPolicies, order, orders, run } from './orders.fixture.ts'

it('makes any number of keys and values', async () => {
  const record = order(2)
  const made = await run(
    flatMap(value => [[value.client, 1] as const, [null, value.cents] as const]),
    [record],
  )
  expect(made).toEqual([
    { ...record, key: 'a', value: 1 },
    { ...record, key: null, value: 2 },
  ])
})

it('has the serdes that it is given, and is not partitioned', () => {
  const stream = orders.pipe(flatMap(value => value.client.split(' ').map(word => [word, 1] as const), { key: text }))
  expect(stream.node).toMatchObject({ label: 'flatMap', key: text, value: undefined, partitioned: false })
  draw(stream)
})

keepsPolicies('flatMap', options => flatMap(value => [['k', cents(value)] as const], options))
