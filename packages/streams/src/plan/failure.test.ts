import { expect, it } from 'vitest'
import type { Failure, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { failed } from './failure.ts'

const position = { topic: 'orders', partition: 2, offset: 17 }
function taskAt(at: typeof position | null) {
  const seen: unknown[] = []
  const task = {
    position: () => at,
    now: () => 1000,
    drop: (reason: string) => seen.push(reason),
    deadLetter: (topic: string, failure: Failure) => seen.push([topic, failure]),
  }
  return { task: task as unknown as Task, seen }
}
const thrown = new TypeError('no such field')

it('stops the task and says where', () => {
  const { task } = taskAt(position)
  const stop = () => failed(task, 'mapValues')(thrown)
  expect(stop).toThrow("RIACHO_PROCESSING: 'mapValues' failed at orders-2 offset 17: no such field; mend it")
  expect(() => failed(taskAt(null).task, 'mapValues', 'fail')('text')).toThrow("'mapValues' failed: text")
  try {
    stop()
  } catch (error) {
    expect(error).toMatchObject({ code: 'RIACHO_PROCESSING', cause: thrown, place: { node: 'mapValues', ...position } })
  }
})

it('counts, or writes a dead letter', () => {
  const { task, seen } = taskAt(position)
  failed(task, 'n', 'skip')(thrown)
  failed(task, 'n', { deadLetter: 'dead' }, 'RIACHO_INVALID')(thrown)
  expect(seen).toEqual([
    'processing',
    ['dead', { code: 'RIACHO_INVALID', reason: 'no such field', node: 'n', attempts: 1, firstFailure: 1000 }],
  ])
})

it('an error of ours keeps its code', () => {
  const { task, seen } = taskAt(position)
  const error = new RiachoError('RIACHO_NO_ROUTE', 'no route')
  failed(task, 'triage', { deadLetter: 'dead' })(error)
  expect(seen).toMatchObject([['dead', { code: 'RIACHO_NO_ROUTE' }]])
  expect(() => failed(task, 'triage')(error)).toThrow(/^RIACHO_NO_ROUTE: 'triage' failed/)
})
