import { from, type OperatorFunction } from 'rxjs'
import { expect, it } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import type { Emit, Task } from '../contract/task.ts'
import { branch } from '../operator/branch.ts'
import { filter } from '../operator/filter.ts'
import { filterNot } from '../operator/filter-not.ts'
import { flatMapValues } from '../operator/flat-map-values.ts'
import { map } from '../operator/map.ts'
import { mapValues } from '../operator/map-values.ts'
import { type Order, order, orders } from '../operator/orders.fixture.ts'
import { process } from '../operator/process.ts'
import { rekey } from '../operator/rekey.ts'
import { selectKey } from '../operator/select-key.ts'
import { tap } from '../operator/tap.ts'

type Answer = (value: Order) => unknown
const late: Answer = async () => {
  throw new Error('nobody hears this')
}
const skip = { onError: 'skip' } as const

const operators: Readonly<Record<string, (f: Answer) => OperatorFunction<StreamRecord<string, Order>, unknown>>> = {
  filter: f => filter(f as () => boolean, skip),
  filterNot: f => filterNot(f as () => boolean, skip),
  flatMapValues: f => flatMapValues(value => [f(value)], skip),
  map: f => map(f as () => readonly [string, number], skip),
  mapValues: f => mapValues(f, skip),
  process: f => process('process', () => record => f(record.value) as undefined, skip),
  rekey: f => rekey('rekey', f as () => string, skip),
  selectKey: f => selectKey(f as () => string, skip),
  tap: f => tap(value => f(value) as undefined, skip),
}

/** Runs an operator on one order; in a test that looks closer if `strict`. */
function ran(label: string, f: Answer, strict: boolean): void {
  const { node } = orders.pipe(operators[label]!(f))
  const task = { position: () => null, drop: () => {}, streamTime: 0 } as unknown as Task
  const [input] = node.open(task, () => {}, { strict } as never)
  ;(input as Emit)(order(1))
}

it.each(Object.keys(operators))('%s refuses a promise in a test, whatever its policy, and names what takes one', label => {
  const refusal = { code: 'RIACHO_PROMISE', place: { node: label }, message: expect.stringContaining('mapAsync') }
  expect(() => ran(label, late, true)).toThrow(expect.objectContaining(refusal))
})

it.each(['filter', 'filterNot', 'process'])('%s, which knows what it may be answered, refuses it everywhere', label => {
  expect(() => ran(label, late, false)).toThrow('RIACHO_PROMISE')
})

it('no policy hides a promise', () => {
  for (const onError of ['fail', 'skip', { deadLetter: 'dead' }] as const) {
    const { node } = orders.pipe(mapValues(late, { onError }))
    const [input] = node.open({ position: () => null } as unknown as Task, () => {}, { strict: true } as never)
    expect(() => (input as Emit)(order(1))).toThrow(/^RIACHO_PROMISE: 'mapValues' was answered/)
  }
})

it('branch refuses a promise', () => {
  const { taken } = branch(orders, { taken: late as () => boolean }, skip)
  const [input] = taken.node.parents[0]!.open({ position: () => null, drop: () => {} } as unknown as Task, () => {}, {} as never)
  expect(() => (input as Emit)(order(1))).toThrow(/RIACHO_PROMISE.*'branch:taken'/)
})

it('takes answers that are no promises', () => {
  const values: unknown[] = []
  const thenable = Object.fromEntries([['then', 'no function']])
  from([order(1), order(2)])
    .pipe(mapValues(({ cents }) => (cents === 1 ? null : thenable)))
    .subscribe(({ value }) => values.push(value))
  expect(values).toEqual([null, thenable])
})
