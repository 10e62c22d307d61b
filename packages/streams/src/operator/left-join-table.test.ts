import { expect, it } from 'vitest'
import { joined, keepsTableJoins } from '../join/table-table.fixture.ts'
import { leftJoinTable } from './left-join-table.ts'

keepsTableJoins('leftJoinTable', leftJoinTable, ['lefts'])

it('has a row where the left side has one, with null where the right one has none', () => {
  expect(
    joined(leftJoinTable, [
      ['left', null, null, 1],
      ['right', 'x', null, 3],
      ['right', null, 'x', 4],
      ['left', 'a', null, 5],
      ['right', 'y', null, 2],
      ['right', null, 'y', 9],
      ['left', null, 'a', 10],
      ['right', 'z', null, 11],
      ['left', null, null, 3],
    ]),
  ).toEqual([
    ['k:anull', null, 5],
    ['k:ay', 'k:anull', 5],
    ['k:anull', 'k:ay', 9],
    [null, 'k:anull', 10],
    [null, null, 11],
  ])
})
