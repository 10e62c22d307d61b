import { expect, it } from 'vitest'
import { keepsStreamJoins, met, type Pairing } from '../join/stream-stream.fixture.ts'
import { leftJoinStream } from './left-join-stream.ts'
import { cents, type Order } from './orders.fixture.ts'

const window = { before: 10, after: 10, grace: 5 }
const pairing: Pairing = (right, options, name = 'j') =>
  leftJoinStream(name, right, (l: Order, r: Order | null) => `${cents(l)}-${r === null ? '' : cents(r)}`, { ...window, ...options })
keepsStreamJoins('left', pairing, ['this-join', 'outer-other-join', 'left-shared-join'])

it('hands on what met nothing when its window has closed, with its own time', () => {
  expect(met(pairing, ['l a 100 1', 'r b 100 2', 'r b 115 3', 'r b 116 4'])).toEqual([[], [], [], ['a 1- @100']])
  expect(met(pairing, ['l a 100 1', 'r a 105 2', 'r b 200 3'])).toEqual([[], ['a 1-2 @105'], []])
})

it('hands on at once what came too late for its window, and left records without a key', () => {
  expect(met(pairing, ['r b 120 1', 'l a 109 2', 'l a 110 3', 'l null 1 4', 'r null 1 5', 'l null 1 null'])).toEqual([
    [],
    ['a 2- @109'],
    [],
    ['null 4- @1'],
    [],
    [],
  ])
})

it('looks for what met nothing at most once per emitEvery of the wall clock', () => {
  const steps = ['l a 100 1', 'l b 200 2', 'l c 300 3', 'l d 400 4']
  expect(met(pairing, steps).flat()).toHaveLength(3)
  expect(met(pairing, steps, { emitEvery: 3_600_000 }).flat()).toHaveLength(0)
})
