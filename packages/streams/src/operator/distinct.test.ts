import { expect, it } from 'vitest'
import { distinct } from './distinct.ts'
import { draw, keyed, run } from './verbs.fixture.ts'

const firsts = distinct<string, number | null>('d', String, { within: 10 })
const times = (...records: readonly (readonly [string | null, number, number])[]) =>
  run(
    firsts,
    records.map(each => keyed(...each)),
  ).then(got => got.map(({ key, timestamp }) => [key, timestamp]))

it('drops what has come within the time, of the same key', async () => {
  expect(await times(['a', 1, 5], ['a', 1, 15], ['a', 1, 16], ['b', 1, 16], ['a', 2, 16], [null, 1, 16])).toEqual([
    ['a', 5],
    ['a', 16],
    ['b', 16],
    ['a', 16],
  ])
})

it('repetitions do not prolong the time, older ones are repetitions too, and what is too late to know passes', async () => {
  expect(await times(['a', 1, 10], ['a', 1, 18], ['a', 1, 21], ['a', 1, 11], ['b', 9, 40], ['a', 1, 12], ['a', 1, 12])).toEqual([
    ['a', 10],
    ['a', 21],
    ['b', 40],
    ['a', 12],
    ['a', 12],
  ])
})

it('refuses a time that makes no sense', () => {
  expect(() => distinct('d', String, { within: 0 })).toThrow("RIACHO_OPTION: 'd': within is a whole number above 0")
})

draw('d', firsts, 'keeps')
