import { expect, it } from 'vitest'
import { joined, keepsTableJoins } from '../join/table-table.fixture.ts'
import { outerJoinTable } from './outer-join-table.ts'

keepsTableJoins('outerJoinTable', outerJoinTable, ['lefts', 'rights'])

it('has a row where either side has one, with null for the other', () => {
  expect(
    joined(outerJoinTable, [
      ['left', null, null, 1],
      ['right', null, null, 2],
      ['right', 'x', null, 3],
      ['left', 'a', null, 2],
      ['left', 'gone', 'a', 4],
      ['left', null, 'gone', 5],
      ['right', null, 'x', 6],
      ['left', 'b', null, 7],
      ['right', null, null, 8],
    ]),
  ).toEqual([
    ['k:nullx', null, 3],
    ['k:ax', 'k:nullx', 3],
    [null, 'k:ax', 4],
    ['k:nullx', null, 5],
    [null, 'k:nullx', 6],
    ['k:bnull', null, 7],
    ['k:bnull', 'k:bnull', 8],
  ])
})
