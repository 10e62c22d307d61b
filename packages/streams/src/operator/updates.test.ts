import { expect, it } from 'vitest'
import { clients, draw, run } from './orders.fixture.ts'
import { to } from './to.ts'
import { updates } from './updates.ts'

const change = { key: 'a', value: 1 as number | null, previous: null, timestamp: 5, headers: [], latest: true }

it('hands on the new value of each change and leaves deletions out', async () => {
  expect(await run(updates<string, number>(), [change, { ...change, value: null }])).toEqual([
    { key: 'a', value: 1, timestamp: 5, headers: [] },
  ])
})

it('keeps serdes and partitions', () => {
  const { key, value } = clients.node
  expect(clients.pipe(updates()).node).toMatchObject({ label: 'updates', key, value, partitioned: true })
  draw(clients.pipe(updates(), to('clients-changed')))
})
