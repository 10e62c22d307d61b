import { from } from 'rxjs'
import { expect, it } from 'vitest'
import { unasked } from '../async/fake-task.fixture.ts'
import type { KStream } from '../stream.ts'
import { branch } from './branch.ts'
import { count } from './count.ts'
import { draw, type Order, order, orders } from './orders.fixture.ts'

it('exists in plans only', () => {
  const plain = from([order(1)]) as unknown as KStream<string, Order>
  expect(() => branch(plain, { a: () => true })).toThrow(/RIACHO_PLAN_ONLY.*triage/)
})

it('makes a stream per name, and one of the rest, with all facts of its input', () => {
  const { large, rest } = branch(orders, { large: order => order.cents > 100_000 })
  const { key, value } = orders.node
  for (const [name, stream] of Object.entries({ large, rest })) {
    expect(stream.node).toMatchObject({ label: `branch:${name}`, port: name, key, value, partitioned: true })
  }
  expect(large.node.parents).toEqual(rest.node.parents)
  draw(large.pipe(count('large')), rest)
})

it('sends a record to the first branch that takes it', () => {
  const { some } = branch(orders, { none: () => false, some: order => order.cents > 1, all: () => true })
  const ports: unknown[] = []
  const [input] = some.node.parents[0]!.open({} as never, (_record, port) => ports.push(port), unasked)
  for (const cents of [2, 1]) input!(order(cents))
  expect(ports).toEqual(['some', 'all'])
})

it('has no branch of the name of the rest', () => {
  expect(() => branch(orders, { rest: () => true })).toThrow('RIACHO_NAME')
})

it('says where its dead letters go', () => {
  const { a } = branch(orders, { a: () => true }, { onError: { deadLetter: 'dead' } })
  expect(a.node.parents[0]!.deadLetters).toEqual(['dead'])
})
