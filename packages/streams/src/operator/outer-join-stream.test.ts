import { expect, it } from 'vitest'
import { keepsStreamJoins, met, type Pairing } from '../join/stream-stream.fixture.ts'
import { cents, type Order } from './orders.fixture.ts'
import { outerJoinStream } from './outer-join-stream.ts'

const window = { before: 10, after: 10, grace: 5 }
const shown = (side: Order | null): string => (side === null ? '' : String(cents(side)))
const pairing: Pairing = (right, options, name = 'j') =>
  outerJoinStream(name, right, (l: Order | null, r: Order | null) => `${shown(l)}-${shown(r)}`, { ...window, ...options })
keepsStreamJoins('outer', pairing, ['outer-this-join', 'outer-other-join', 'outer-shared-join'])

it('hands on what met nothing of either side: by time, the right side first, then by key and arrival', () => {
  const waiting = ['l b 100 1', 'l a 100 2', 'r c 100 3', 'l a 99 4', 'l a 100 5']
  expect(met(pairing, [...waiting, 'r z 116 6']).at(-1)).toEqual(['a 4- @99', 'c -3 @100', 'a 2- @100', 'a 5- @100', 'b 1- @100'])
})

it('hands on at once what came too late for its window, and records without a key', () => {
  expect(met(pairing, ['r b 120 1', 'l a 109 2', 'r a 109 3', 'l null 1 4', 'r null 1 5', 'l null 1 null'])).toEqual([
    [],
    ['a 2- @109'],
    ['a 2-3 @109'],
    ['null 4- @1'],
    ['null -5 @1'],
    [],
  ])
})

it('the sides of an asymmetric window close at different times', () => {
  const asymmetric = { before: 0, after: 20 }
  expect(met(pairing, ['l a 100 1', 'r b 100 2', 'r c 106 3', 'l c 126 4'], asymmetric)).toEqual([
    [],
    [],
    ['b -2 @100'],
    ['a 1- @100', 'c -3 @106'],
  ])
})
