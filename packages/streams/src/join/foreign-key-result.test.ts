import { expect, it } from 'vitest'
import { FakeTask } from '../async/fake-task.fixture.ts'
import type { Change } from '../contract/record.ts'
import { text } from '../serde/text.ts'
import { keyValueStore } from '../store/key-value.ts'
import { LoggingTask } from '../store/logged.fixture.ts'
import { murmur3 } from '../wire/murmur3.ts'
import { joining, type ResultSide } from './foreign-key-result.ts'

type Result = Change<string, string>

const hashOf = (value: string): string => murmur3(Buffer.from(value))

function opened(row: string | null, side: Partial<ResultSide<string, string, string, string>> = {}) {
  const task = new FakeTask()
  const sent: Result[] = []
  const input = joining<string, string, string, string>(task, change => sent.push(change), {
    name: 'j',
    left: false,
    f: (left, right) => `${left}+${right}`,
    value: text,
    rows: { get: () => (row === null ? undefined : { value: row, timestamp: 1 }) },
    store: undefined,
    previous: false,
    ...side,
  })
  return {
    sent,
    dropped: task.dropped,
    answer: (hash: string | null, value: string | null) =>
      input({ key: 'k', value: { hash, value, partition: undefined }, timestamp: 10, headers: [['h', null]] }),
  }
}

it('joins an answer to the row as it is', () => {
  const { sent, answer } = opened('l')
  answer(hashOf('l'), 'r')
  expect(sent).toEqual([{ key: 'k', value: 'l+r', previous: undefined, timestamp: 10, headers: [['h', null]], latest: true }])
})

it('drops answers to a row that has changed or gone, or has come back', () => {
  const { sent, dropped, answer } = opened('l')
  answer(hashOf('other'), 'r')
  answer(null, null)
  const gone = opened(null)
  gone.answer(hashOf('l'), 'r')
  expect([sent, dropped, gone.sent, gone.dropped]).toEqual([[], ['outdated', 'outdated'], [], ['outdated']])
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
    ['l+null'],
  ])
})

it('keeps results, and says the one before when asked', () => {
  const log = new LoggingTask()
  const store = keyValueStore('s', { key: text, value: text }).create(log)
  const { sent, answer } = opened('l', { store, previous: true })
  for (const right of ['1', '2', null]) answer(hashOf('l'), right)
  expect(sent.map(each => [each.previous, each.value])).toEqual([
    [null, 'l+1'],
    ['l+1', 'l+2'],
    ['l+2', null],
  ])
  expect(log.logged.map(({ value, timestamp, headers }) => [value?.toString(), timestamp, headers])).toEqual([
    ['l+1', 10, []],
    ['l+2', 10, []],
    [undefined, 10, []],
  ])
})

it('a joined null deletes, and a function that throws stops the task', () => {
  const none = opened('l', { f: () => null })
  none.answer(hashOf('l'), 'r')
  expect(none.sent.map(each => each.value)).toEqual([null])
  const broken = opened('l', {
    f: () => {
      throw new Error('no')
    },
  })
  expect(() => broken.answer(hashOf('l'), 'r')).toThrow(expect.objectContaining({ code: 'RIACHO_PROCESSING' }))
})
