import { expect, it } from 'vitest'
import { cents, draw, keepsPolicies, order, orders, run } from './orders.fixture.ts'
import { withTimestamp } from './with-timestamp.ts'

it('gives each record the time that is read in it', async () => {
  const record = order(1000)
  expect(
    await run(
      withTimestamp(value => value.cents),
      [record],
    ),
  ).toEqual([{ ...record, timestamp: 1000 }])
})

it.each([-1, 0.5, Number.NaN, 2 ** 53])('%d is no time', async time => {
  await expect(
    run(
      withTimestamp(() => time),
      [order(1)],
    ),
  ).rejects.toMatchObject({ code: 'RIACHO_TIMESTAMP', message: expect.stringContaining(String(time)) })
  expect(
    await run(
      withTimestamp(() => time, { onError: 'skip' }),
      [order(1)],
    ),
  ).toEqual([])
})

it('keeps both serdes and the partitions', () => {
  const { key, value } = orders.node
  const stream = orders.pipe(withTimestamp(order => Date.parse(order.client)))
  expect(stream.node).toMatchObject({ label: 'withTimestamp', key, value, partitioned: true })
  draw(stream)
})

keepsPolicies('withTimestamp', options => withTimestamp(cents, options), 'RIACHO_TIMESTAMP')
