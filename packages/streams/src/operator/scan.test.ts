import { expect, it } from 'vitest'
import { int64 } from '../serde/numbers.ts'
import { scan } from './scan.ts'
import { draw, keyed, run } from './verbs.fixture.ts'

const sum = scan<string, number | null, number>('s', (sum, value) => sum + value, 0, { value: int64 })

it('hands on every intermediate result of each key, with the time and headers of the record', async () => {
  const got = await run(sum, [keyed('a', 1, 5), keyed('b', 2, 6), keyed('a', 3, 4)])
  expect(got).toMatchObject([
    { key: 'a', value: 1, timestamp: 5, headers: [['trace', Buffer.from('t')]] },
    { key: 'b', value: 2, timestamp: 6 },
    { key: 'a', value: 4, timestamp: 4 },
  ])
})

it('forgets a null result, and drops null keys and values', async () => {
  const until = scan<string, number | null, number | null>('s', (sum, value) => (sum + value > 3 ? null : sum + value), 0)
  const got = await run(until, [keyed('a', 2), keyed('a', 2), keyed('a', 1), keyed(null, 1), keyed('a', null)])
  expect(got.map(each => each.value)).toEqual([2, null, 1])
})

it('does with a failure what it is told', async () => {
  const bad = (onError: 'fail' | 'skip') =>
    scan<string, number | null, number>(
      's',
      () => {
        throw new Error('no')
      },
      0,
      { onError },
    )
  await expect(run(bad('fail'), [keyed('a', 1)])).rejects.toMatchObject({ code: 'RIACHO_PROCESSING', place: { node: 's' } })
  expect(await run(bad('skip'), [keyed('a', 1)])).toEqual([])
})

draw('s', sum, { value: int64 })
