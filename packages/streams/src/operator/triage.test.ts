import { firstValueFrom, generate, take, toArray } from 'rxjs'
import { expect, it } from 'vitest'
import { count } from './count.ts'
import { filter } from './filter.ts'
import { mapValues } from './map-values.ts'
import { cents, draw, keepsPolicies, type Order, order, orders, run } from './orders.fixture.ts'
import { to } from './to.ts'
import { triage } from './triage.ts'

const size = (value: Order) => (value.cents > 10 ? 'large' : 'small')

it('runs each record through the operator of its route; the selector is called once', async () => {
  let calls = 0
  const routed = triage(
    (value: Order) => {
      calls++
      return size(value)
    },
    { large: mapValues(() => 'L'), small: filter(value => value.cents > 1) },
  )
  const got = await run(routed, [order(20), order(1), order(2)])
  expect(got.map(record => record.value)).toEqual(['L', order(2).value])
  expect(calls).toBe(3)
})

it('a record without a route is an error, unless there is an otherwise or a policy', async () => {
  const small = mapValues<string, Order, string>(() => 'S')
  const routes = { small } as unknown as { small: typeof small; large: typeof small }
  const records = [order(20), order(1)]
  await expect(run(triage(size, routes), records)).rejects.toMatchObject({
    code: 'RIACHO_NO_ROUTE',
    message: expect.stringContaining("'large'"),
    place: { node: 'triage' },
  })
  expect(await run(triage(size, routes, { onError: 'skip' }), records)).toMatchObject([{ value: 'S' }])
  expect(await run(triage(size, { ...routes, otherwise: mapValues(() => 'O') }), records)).toMatchObject([{ value: 'O' }, { value: 'S' }])
  await expect(run(triage(size, routes, { onError: { deadLetter: 'dead' } }), records)).rejects.toMatchObject({
    code: 'RIACHO_DEAD_LETTER',
  })
})

it('a route of a name that objects have is no route', async () => {
  const routed = triage((): 'a' => 'constructor' as 'a', { a: mapValues(() => 1) })
  await expect(run(routed, [order(1)])).rejects.toMatchObject({ code: 'RIACHO_NO_ROUTE' })
})

it('keeps what all routes have in common; routes that end say nothing', () => {
  const { key } = orders.node
  const routed = orders.pipe(triage(size, { large: to('large'), small: mapValues(order => order.cents) }))
  expect(routed.node).toMatchObject({ kind: 'merge', label: 'triage:merge', key, value: undefined, partitioned: true })
  draw(routed.pipe(count('n')))
  draw(orders.pipe(triage(size, { large: to('large'), small: to('small') })))
})

it('refuses a route that leaves the plan', () => {
  expect(() => orders.pipe(triage(size, { large: () => [] as never, small: to('small') }))).toThrow(/RIACHO_NOT_A_PLAN.*'large'/)
})

keepsPolicies('triage', options => triage(value => (cents(value) > 0 ? 'a' : 'a'), { a: mapValues(() => 1) }, options))

it('on a plain Observable it stops a source that never waits when nobody wants more', async () => {
  let made = 0
  const next = (n: number): ReturnType<typeof order> => {
    // Where nothing stops it, the test says so instead of standing still.
    if (++made > 1000) throw new Error('nothing stops the source')
    return order(n)
  }
  const endless = generate({ initialState: 0, iterate: n => n + 1, resultSelector: next })
  const routed = endless.pipe(
    triage(() => 'a' as const, { a: filter(() => true) }),
    take(2),
    toArray(),
  )
  expect(await firstValueFrom(routed)).toHaveLength(2)
  expect(made).toBe(2)
})
