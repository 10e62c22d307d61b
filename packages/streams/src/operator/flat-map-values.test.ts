import { expect, it } from 'vitest'
import { flatMapValues } from './flat-map-values.ts'
import { cents, draw, keepsPolicies, order, orders, run } from './orders.fixture.ts'

it('makes any number of values, of an array or of anything that can be iterated', async () => {
  const record = order(3)
  const twice = await run(
    flatMapValues(value => [value.cents, value.client]),
    [record],
  )
  expect(twice).toEqual([
    { ...record, value: 3 },
    { ...record, value: 'a' },
  ])
  expect(
    await run(
      flatMapValues(() => new Set(['x'])),
      [record],
    ),
  ).toEqual([{ ...record, value: 'x' }])
  expect(
    await run(
      flatMapValues(() => []),
      [record],
    ),
  ).toEqual([])
})

it('hands nothing on when the iteration breaks', async () => {
  const broken = flatMapValues(
    function* () {
      yield 1
      throw new Error('broken')
    },
    { onError: 'skip' },
  )
  expect(await run(broken, [order(1)])).toEqual([])
})

it('keeps the key serde and the partitions', () => {
  const stream = orders.pipe(flatMapValues(value => value.client.split(' ')))
  expect(stream.node).toMatchObject({ label: 'flatMapValues', key: orders.node.key, value: undefined, partitioned: true })
  draw(stream)
})

keepsPolicies('flatMapValues', options => flatMapValues(value => [cents(value)], options))
