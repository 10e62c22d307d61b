import { expect, it } from 'vitest'
import { unasked } from '../async/fake-task.fixture.ts'
import { json } from '../serde/json.ts'
import { deadLetters } from './dead-letters.ts'
import { filter } from './filter.ts'
import { draw } from './orders.fixture.ts'
import { to } from './to.ts'

it('reads a topic of dead letters as such', () => {
  const letters = deadLetters('orders-dead')
  const [from] = letters.node.parents
  expect(from!.source).toMatchObject({ topics: ['orders-dead'], nulls: 'keep' })
  const plan = draw(
    letters.pipe(
      filter(letter => letter.code === 'RIACHO_INVALID'),
      to('alerts', { value: json() }),
    ),
  )
  expect(plan.subTopologies).toHaveLength(1)
})

it('makes a letter of key, value and headers', () => {
  const seen: unknown[] = []
  const task = { position: () => null } as never
  const [input] = deadLetters('dead').node.open(task, record => seen.push(record), unasked)
  const key = Buffer.from('k')
  input!({ key, value: null, timestamp: 5, headers: [['__streams.errors.exception', Buffer.from('RIACHO_INVALID')]] })
  expect(seen).toMatchObject([{ key, timestamp: 5, value: { code: 'RIACHO_INVALID', original: { key, value: null, headers: [] } } }])
})
