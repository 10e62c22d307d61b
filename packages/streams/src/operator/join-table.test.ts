import { expect, it } from 'vitest'
import { joined, keepsTableJoins } from '../join/table-table.fixture.ts'
import { joinTable } from './join-table.ts'

keepsTableJoins('joinTable', joinTable, [])

it('has a row where both sides have one, and hands on its deletion when one goes', () => {
  expect(
    joined(joinTable, [
      ['left', 'a', null, 5],
      ['right', null, null, 6],
      ['right', 'x', null, 3],
      ['left', 'b', 'a', 4],
      ['right', 'y', 'x', 9],
      ['left', null, 'b', 10],
      ['left', null, null, 11],
      ['right', null, 'y', 12],
      ['left', 'gone', null, 13],
      ['right', 'z', null, 2],
    ]),
  ).toEqual([
    [null, null, 6],
    ['k:ax', null, 5],
    ['k:bx', 'k:ax', 4],
    ['k:by', 'k:bx', 9],
    [null, 'k:by', 10],
    [null, null, 11],
    [null, null, 13],
  ])
})

it('does not know the row before where its side does not', () => {
  expect(
    joined(joinTable, [
      ['left', 'a', undefined, 5],
      ['right', 'x', undefined, 6],
      ['right', null, undefined, 7],
    ]),
  ).toEqual([
    ['k:ax', undefined, 6],
    [null, undefined, 7],
  ])
})
