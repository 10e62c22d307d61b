import { expect, it } from 'vitest'
import { bufferCount } from './buffer-count.ts'
import { draw, keyed, run } from './verbs.fixture.ts'

const pairs = bufferCount<string, number | null>('b', 2)

it('hands on lists of so many values of a key', async () => {
  const given = [keyed('a', 1), keyed('b', 2), keyed('a', 3, 7), keyed('a', 4), keyed(null, 5), keyed('b', null), keyed('b', 6)]
  expect((await run(pairs, given)).map(({ key, value, timestamp }) => [key, value, timestamp])).toEqual([
    ['a', [1, 3], 7],
    ['b', [2, 6], 0],
  ])
})

it('of size one hands on each', async () => {
  expect((await run(bufferCount('b', 1), [keyed('a', 1)])).map(({ value }) => value)).toEqual([[1]])
  expect(() => bufferCount('b', 0)).toThrow("'b': size is")
})

draw('b', pairs)
