import { expect, it } from 'vitest'
import { FakeTask } from '../async/fake-task.fixture.ts'
import type { StreamRecord } from '../contract/record.ts'
import { text } from '../serde/text.ts'
import { murmur3 } from '../wire/murmur3.ts'
import { joining, type ResultSide } from './foreign-key-result.ts'

const hashOf = (value: string): string => murmur3(Buffer.from(value))

function opened(row: string | null, side: Partial<ResultSide<string, string, string, string>> = {}) {
  const task = new FakeTask()
  const sent: StreamRecord<string, string | null>[] = []
  const rows = { get: () => (row === null ? undefined : { value: row, timestamp: 1 }) }
  const f = (left: string, right: string | null, key: string): string => `${key}:${left}+${right}`
  const all = { name: 'j', left: false, f, onError: undefined, value: text, ...side }
  const input = joining<string, string, string, string>(task, record => sent.push(record), rows, all)
  return {
    sent,
    task,
    answer: (hash: string | null, value: string | null) =>
      input({ key: 'k', value: { hash, value, partition: undefined }, timestamp: 10, headers: [['h', null]] }),
  }
}

it('joins an answer to the row as it is', () => {
  const { sent, answer } = opened('l')
  answer(hashOf('l'), 'r')
  expect(sent).toEqual([{ key: 'k', value: 'k:l+r', timestamp: 10, headers: [['h', null]] }])
})

it('drops answers to a row that has changed or gone, or has come back', () => {
  const { sent, task, answer } = opened('l')
  answer(hashOf('other'), 'r')
  answer(null, null)
  const gone = opened(null)
  gone.answer(hashOf('l'), 'r')
  expect([sent, task.dropped, gone.sent, gone.task.dropped]).toEqual([[], ['outdated', 'outdated'], [], ['outdated']])
})

it('deletes the result of a row that is gone, and, inner, of one without a row on the other side', () => {
  const valuesOf = (row: string | null, left: boolean): readonly (string | null)[] => {
    const { sent, answer } = opened(row, { left })
    answer(row === null ? null : hashOf(row), null)
    return sent.map(each => each.value)
  }
  expect([valuesOf(null, false), valuesOf('l', false), valuesOf(null, true), valuesOf('l', true)]).toEqual([
    [null],
    [null],
    [null],
    ['k:l+null'],
  ])
})

it('a joined null deletes, and a function that throws stops the task unless it is told otherwise', () => {
  const none = opened('l', { f: () => null })
  none.answer(hashOf('l'), 'r')
  expect(none.sent.map(each => each.value)).toEqual([null])
  const f = (): never => {
    throw new Error('no')
  }
  const broken = opened('l', { f })
  expect(() => broken.answer(hashOf('l'), 'r')).toThrow(expect.objectContaining({ code: 'RIACHO_PROCESSING' }))
  const skipping = opened('l', { f, onError: 'skip' })
  skipping.answer(hashOf('l'), 'r')
  expect([skipping.sent, skipping.task.dropped]).toEqual([[], ['processing']])
})
