import { expect, it } from 'vitest'
import { pairwise } from './pairwise.ts'
import { draw, keyed, run } from './verbs.fixture.ts'

const pairs = pairwise<string, number | null>('p')

it('hands on each value with the one before of its key', async () => {
  const got = await run(pairs, [keyed('a', 1, 5), keyed('b', 2, 6), keyed('a', 3, 4), keyed('a', 5, 9), keyed(null, 1), keyed('a', null)])
  expect(got.map(({ key, value, timestamp }) => [key, value, timestamp])).toEqual([
    ['a', [1, 3], 4],
    ['a', [3, 5], 9],
  ])
})

draw('p', pairs)
