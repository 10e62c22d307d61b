import { expect, it } from 'vitest'
import { debounceTime } from './debounce-time.ts'
import { draw, keyed, run } from './verbs.fixture.ts'

const last = debounceTime<string, number | null>('d', 10)

it('hands on the latest value of a key once it has been quiet for the time', async () => {
  const given = [
    keyed('a', 1, 5),
    keyed('b', 2, 6),
    keyed('a', 3, 8),
    keyed('a', 4, 7),
    keyed('c', 5, 16),
    keyed('c', 6, 18),
    keyed('d', 7, 3),
    keyed(null, 8, 99),
    keyed('c', null, 99),
  ]
  expect((await run(last, given)).map(({ value, timestamp, headers }) => [value, timestamp, headers.length])).toEqual([
    [2, 6, 0],
    [3, 8, 0],
    [7, 3, 1],
  ])
})

it('refuses a time that makes no sense', () => {
  expect(() => debounceTime('d', -1)).toThrow('RIACHO_OPTION')
})

draw('d', last, 'keeps')
