import { delay, distinct, mergeMap, Observable, of, filter as rxFilter, map as rxMap, take, throwError } from 'rxjs'
import { expect, it } from 'vitest'
import { draw, order, orders, run } from './orders.fixture.ts'
import { rx } from './rx.ts'

it('runs a synchronous operator of rxjs', async () => {
  const guest = rx<string, { cents: number; client: string }, number>(rxMap(record => ({ ...record, value: record.value.cents })))
  expect(await run(guest, [order(1), order(2)])).toMatchObject([{ value: 1 }, { value: 2 }])
  expect(await run(rx(rxFilter(record => record.key === 'o2')), [order(1), order(2)])).toEqual([order(2)])
  expect(await run(rx(mergeMap(record => of(record, record))), [order(1)])).toHaveLength(2)
})

it.each([
  ['RIACHO_RX_KEY', rxMap((record: ReturnType<typeof order>) => ({ ...record, key: 'other' }))],
  ['RIACHO_RX_COMPLETE', take<ReturnType<typeof order>>(1)],
  ['RIACHO_RX_ASYNC', delay<ReturnType<typeof order>>(0)],
])('stops with %s', async (code, guest) => {
  const endless = rx(guest)
  const failure = new Promise((_resolve, reject) => endless(orderThenSilence()).subscribe({ error: reject }))
  await expect(failure).rejects.toMatchObject({ code })
})

it('stops with the error of the guest, and says where it was', async () => {
  const failing = rx(mergeMap(() => throwError(() => new Error('guest'))))
  const failure = { code: 'RIACHO_PROCESSING', message: expect.stringContaining('guest'), place: { node: 'rx' } }
  await expect(run(failing, [order(1)])).rejects.toMatchObject(failure)
})

it('keeps the key serde and the partitions; a bare operator is refused', () => {
  const stream = orders.pipe(rx(rxMap(record => ({ ...record, value: record.value.cents }))))
  expect(stream.node).toMatchObject({ kind: 'rx', label: 'rx', key: orders.node.key, value: undefined, partitioned: true })
  draw(stream)
  expect(() => orders.pipe(distinct())).toThrow('RIACHO_RX_OPERATOR')
})

function orderThenSilence() {
  return new Observable<ReturnType<typeof order>>(subscriber => subscriber.next(order(1)))
}
