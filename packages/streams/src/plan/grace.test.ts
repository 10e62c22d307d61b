import { expect, it } from 'vitest'
import type { Node } from '../contract/node.ts'
import { count } from '../operator/count.ts'
import { filterTable } from '../operator/filter-table.ts'
import { clients, orders } from '../operator/orders.fixture.ts'
import { toStream } from '../operator/to-stream.ts'
import { session } from '../window/session.ts'
import { sliding } from '../window/sliding.ts'
import { tumbling } from '../window/tumbling.ts'
import { graceOf } from './grace.ts'
import { makeNode } from './node.ts'

const inTumbling = orders.pipe(count('t', { window: tumbling(10, { grace: 3 }) }))
const inSessions = orders.pipe(count('s', { window: session(10, { grace: 3 }) }))
const of = (parents: readonly Node[], table: Node['table']): Node =>
  makeNode({ kind: 'join', label: 'j', parents, open: () => [], ...(table && { table }) })

it('is the grace of the windows, of sessions with their gap', () => {
  expect(graceOf(inTumbling.node, 's')).toBe(3)
  expect(graceOf(orders.pipe(count('d', { window: sliding(10, { grace: 4 }) })).node, 's')).toBe(4)
  expect(graceOf(inSessions.pipe(filterTable(n => n > 1)).node, 's')).toBe(13)
})

it('is the longest of all parents, each of which must have windows', () => {
  expect(graceOf(of([inTumbling.node, inSessions.node], 'derived'), 's')).toBe(13)
  expect(() => graceOf(of([inTumbling.node, clients.node], 'derived'), 'late')).toThrow(
    "RIACHO_OPTION: 'late' waits until windows close, and no windowed aggregation comes before it (clients → j)",
  )
})

it('of a stream joined with a table is that of the stream', () => {
  const stream = inTumbling.pipe(toStream())
  expect(graceOf(of([stream.node, clients.node], undefined), 's')).toBe(3)
  expect(() => graceOf(of([orders.node, inTumbling.node], undefined), 's')).toThrow('RIACHO_OPTION')
})

it('is found at once, in however many ways the windows are reached', () => {
  let node = inTumbling.node
  for (let i = 0; i < 60; i++) node = of([node, node], 'derived')
  expect(graceOf(node, 's')).toBe(3)
})
