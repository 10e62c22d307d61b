import { expect, it } from 'vitest'
import { mapAsync } from './map-async.ts'
import { cents, draw, order, orders, run } from './orders.fixture.ts'
import { selectKey } from './select-key.ts'

it('makes a new value of each value, in order', async () => {
  const slow = mapAsync(async (value: { cents: number }, record: { key: string }) => {
    if (value.cents === 1) await new Promise(resolve => setTimeout(resolve, 5))
    return `${record.key}:${value.cents}`
  })
  expect(await run(slow, [order(1), order(2)])).toMatchObject([
    { value: 'o1:1', timestamp: 0, headers: order(1).headers },
    { value: 'o2:2' },
  ])
})

it('tries again before it gives up', async () => {
  let tries = 0
  const flaky = mapAsync(
    async () => {
      if (++tries < 3) throw new Error('busy')
      return tries
    },
    { retry: { retriesMax: 2, backoff: { min: 0, max: 0 } } },
  )
  expect(await run(flaky, [order(1)])).toMatchObject([{ value: 3 }])
})

it('obeys its policy', async () => {
  const records = [order(-5), order(1)]
  const work = async (value: ReturnType<typeof order>['value']) => cents(value)
  await expect(run(mapAsync(work), records)).rejects.toMatchObject({
    code: 'RIACHO_ASYNC',
    place: { node: 'mapAsync' },
    message: expect.stringContaining('-5 cents'),
  })
  expect(await run(mapAsync(work, { onError: 'skip' }), records)).toMatchObject([{ value: 1 }])
  await expect(run(mapAsync(work, { onError: { deadLetter: 'dead' } }), records)).rejects.toMatchObject({ code: 'RIACHO_DEAD_LETTER' })
})

it('orders by key where it can, else by partition', () => {
  const stream = orders.pipe(mapAsync(async order => order.cents))
  expect(stream.node).toMatchObject({
    kind: 'async',
    label: 'mapAsync',
    key: orders.node.key,
    value: undefined,
    keyed: true,
    async: { order: undefined },
  })
  const rekeyed = orders.pipe(selectKey(order => order.client))
  expect(rekeyed.pipe(mapAsync(async order => order.cents)).node).toMatchObject({ keyed: false, async: { order: 'partition' } })
  expect(() => rekeyed.pipe(mapAsync(async order => order.cents, { order: 'key' }))).toThrow('RIACHO_NOT_PARTITIONED')
  draw(stream)
})

it.each([{ inFlightMax: 0 }, { heldMax: 0.5 }, { timeout: -1 }])('refuses the limit %j', options => {
  expect(() => orders.pipe(mapAsync(async order => order.cents, options))).toThrow('RIACHO_OPTION')
})
