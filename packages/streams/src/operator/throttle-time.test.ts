import { expect, it } from 'vitest'
import { throttleTime } from './throttle-time.ts'
import { draw, keyed, run } from './verbs.fixture.ts'

const slow = throttleTime<string, number | null>('t', 10)

it('hands on one record of a key, then none for the time', async () => {
  const given = [
    keyed('a', 1, 5),
    keyed('a', 2, 14),
    keyed('b', 3, 14),
    keyed('a', 4, 15),
    keyed('a', 5, 9),
    keyed('b', 6, 40),
    keyed('a', 7, 20),
    keyed(null, 8, 41),
  ]
  expect((await run(slow, given)).map(({ value }) => value)).toEqual([1, 3, 4, 6, 7])
})

it('refuses a time that makes no sense', () => {
  expect(() => throttleTime('t', 1.5)).toThrow('RIACHO_OPTION')
})

draw('t', slow, 'keeps')
