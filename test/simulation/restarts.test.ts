import { count, int64, text, to, topic, topology, toStream } from '@riacho/streams'
import { expect, it } from 'vitest'
import { allRestarts, played } from './restarts.fixture.ts'

const source = topic('in', { key: text, value: text })
const plan = topology('counted', source.pipe(count('n'), toStream(), to('out')))

it.each(allRestarts)('restarts %s change nothing that a reader of what is committed sees', async restarts => {
  const input = ['a', 'b', 'a', 'a', 'b'].map((key, at) => ({ topic: 'in', key, value: 'x', at }))
  const rows = await played(plan, input, restarts)
  expect(rows.map(({ key, value, at }) => [text.decode(key!), int64.decode(value!), at])).toEqual([
    ['a', 1, 0],
    ['b', 1, 1],
    ['a', 2, 2],
    ['a', 3, 3],
    ['b', 2, 4],
  ])
})
