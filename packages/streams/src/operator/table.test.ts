import { expect, it } from 'vitest'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { count } from './count.ts'
import { clients, draw } from './orders.fixture.ts'
import { regroup } from './regroup.ts'
import { table } from './table.ts'
import { toStream } from './to-stream.ts'

it('reads a topic with its serdes, nulls as deletes', () => {
  const { node } = table('clients', { key: text, value: int64, onError: 'skip' })
  expect(node).toMatchObject({ kind: 'table', label: 'clients', key: text, value: int64, partitioned: true })
  expect(node.source).toMatchObject({ topics: ['clients'], nulls: 'keep', onError: 'skip' })
})

it('has a store when it is named, or when somebody needs the row before', () => {
  expect([...draw(clients.pipe(toStream())).stores.keys()]).toEqual([])
  expect([...draw(table('t', { key: text, value: int64, store: 'rows' }).pipe(toStream())).stores.keys()]).toEqual(['rows'])
  const perCity = clients.pipe(
    regroup('by-city', client => [client.city, 1], { key: text, value: int64 }),
    count('per-city'),
  )
  expect([...draw(perCity).stores.keys()]).toEqual(['clients', 'per-city'])
})

it('refuses names that are none', () => {
  expect(() => table('a b', { key: text, value: int64 })).toThrow('RIACHO_NAME')
  expect(() => table('t', { key: text, value: int64, store: 'a b' })).toThrow('RIACHO_NAME')
})
