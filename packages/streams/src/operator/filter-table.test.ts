import { expect, it } from 'vitest'
import type { Change } from '../contract/record.ts'
import { filterTable } from './filter-table.ts'
import { clients, draw, run } from './orders.fixture.ts'
import { toStream } from './to-stream.ts'

const change = (value: number | null, previous: number | null): Change<string, number> => ({
  key: 'a',
  value,
  previous,
  timestamp: 5,
  headers: [],
  latest: true,
})
const even = filterTable<string, number>(n => n % 2 === 0)

it('keeps rows; one that is not kept becomes a deletion, of old values too', async () => {
  const got = await run(even, [change(2, null), change(4, 2), change(5, 4), change(6, 5), change(null, 6)])
  expect(got).toEqual([change(2, null), change(4, 2), change(null, 4), change(6, null), change(null, 6)])
})

it('hands on nothing for a row that neither was nor is', async () => {
  expect(await run(even, [change(1, null), change(3, 1), change(null, 3)])).toEqual([])
})

it('stops with an error that names it', async () => {
  const broken = filterTable<string, number>(() => {
    throw new Error('broken')
  })
  await expect(run(broken, [change(1, null)])).rejects.toMatchObject({ code: 'RIACHO_PROCESSING', place: { node: 'filterTable' } })
})

it('keeps serdes and partitions, and lets others ask for old values', () => {
  const { key, value } = clients.node
  const active = clients.pipe(filterTable(client => client.active))
  expect(active.node).toMatchObject({ label: 'filterTable', key, value, partitioned: true, table: 'derived' })
  draw(active.pipe(toStream()))
})
