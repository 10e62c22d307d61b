import { expect, it } from 'vitest'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { tumbling } from '../window/tumbling.ts'
import { clients, draw, orders, run } from './orders.fixture.ts'
import { reduce } from './reduce.ts'
import { regroup } from './regroup.ts'
import { updates } from './updates.ts'

const record = (value: number, timestamp = 0) => ({ key: 'a', value, timestamp, headers: [] })
const sum = (a: number, b: number) => a + b
const values = (changes: readonly { readonly value: unknown }[]) => changes.map(change => change.value)

it('keeps the first value and combines the others with what there is', async () => {
  const calls: number[][] = []
  const noted = reduce<string, number>('r', (a, b) => {
    calls.push([a, b])
    return a + b
  })
  expect(values(await run(noted, [record(5), record(2), record(1)]))).toEqual([5, 7, 8])
  expect(calls).toEqual([
    [5, 2],
    [7, 1],
  ])
})

it('deletes with null, and begins again', async () => {
  const untilZero = reduce<string, number>('r', (a, b) => (a + b === 0 ? null : a + b))
  expect(values(await run(untilZero, [record(5), record(-5), record(3)]))).toEqual([5, null, 3])
})

it('combines by window', async () => {
  const got = await run(reduce('r', sum, { window: tumbling(10, { grace: 0 }) }), [record(1, 1), record(2, 2), record(3, 10)])
  expect(values(got)).toEqual([1, 3, 3])
})

it('stops, skips or puts aside what the function refuses', async () => {
  const positive = (a: number, b: number) => {
    if (b < 0) throw new RangeError('negative')
    return a + b
  }
  const records = [record(1), record(-1), record(2)]
  await expect(run(reduce('r', positive), records)).rejects.toMatchObject({ code: 'RIACHO_PROCESSING', place: { node: 'r' } })
  expect(values(await run(reduce('r', positive, { onError: 'skip' }), records))).toEqual([1, 3])
  expect(orders.pipe(reduce('r', (a, _b) => a, { onError: { deadLetter: 'dead' } })).node.deadLetters).toEqual(['dead'])
})

it('has JSON values unless it is told; of a regrouped table it needs subtract', () => {
  const largest = orders.pipe(reduce('largest-order', (a, b) => (b.cents > a.cents ? b : a)))
  expect(largest.node).toMatchObject({ kind: 'aggregate', key: orders.node.key, value: json(), stores: [{ name: 'largest-order' }] })
  draw(largest.pipe(updates()))
  const perCity = clients.pipe(regroup('by-city', client => [client.city, 1], { key: text, value: int64 }))
  draw(perCity.pipe(reduce('sum', sum, { subtract: (a, b) => a - b, value: int64 })))
  expect(() => perCity.pipe(reduce('sum', sum) as never)).toThrow(/RIACHO_OPTION.*subtract/)
})
