import { expect, it } from 'vitest'
import { bufferTime } from './buffer-time.ts'
import { draw, keyed, run } from './verbs.fixture.ts'

const lists = bufferTime<string, number | null>('b', 10)

it('hands on what came of a key in a span that its first record begins', async () => {
  const given = [
    keyed('a', 1, 5),
    keyed('b', 2, 7),
    keyed('a', 3, 2),
    keyed('a', 4, 15),
    keyed('c', 5, 17),
    keyed(null, 6, 99),
    keyed('c', null, 99),
  ]
  expect((await run(lists, given)).map(({ key, value, timestamp }) => [key, value, timestamp])).toEqual([
    ['a', [1, 3], 15],
    ['b', [2], 17],
  ])
})

it('refuses a span that makes no sense', () => {
  expect(() => bufferTime('b', 0)).toThrow("'b': span is")
})

draw('b', lists)
