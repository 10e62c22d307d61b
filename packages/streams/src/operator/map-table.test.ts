import { expect, it } from 'vitest'
import type { Change } from '../contract/record.ts'
import { text } from '../serde/text.ts'
import { mapTable } from './map-table.ts'
import { clients, draw, run } from './orders.fixture.ts'
import { toStream } from './to-stream.ts'

const change = <V>(value: V | null, previous: V | null): Change<string, V> => ({
  key: 'a',
  value,
  previous,
  timestamp: 5,
  headers: [],
  latest: true,
})

it('makes a new value of each row and of the one before; a deletion stays one', async () => {
  const shown = mapTable<string, number, string>((n, key) => `${key}${n}`)
  expect(await run(shown, [change(1, null), change(2, 1), change<number>(null, 2)])).toEqual([
    change('a1', null),
    change('a2', 'a1'),
    change(null, 'a2'),
  ])
})

it('stops with an error that names it', async () => {
  const broken = mapTable<string, number, string>(() => {
    throw new Error('broken')
  })
  await expect(run(broken, [change(1, null)])).rejects.toMatchObject({ code: 'RIACHO_PROCESSING', place: { node: 'mapTable' } })
})

it('keeps the key serde and the partitions, and lets others ask for old values', () => {
  const names = clients.pipe(mapTable(client => client.name))
  expect(names.node).toMatchObject({
    label: 'mapTable',
    key: clients.node.key,
    value: undefined,
    partitioned: true,
    table: 'derived',
  })
  expect(clients.pipe(mapTable(client => client.name, { value: text })).node.value).toBe(text)
  draw(names.pipe(toStream()))
})
