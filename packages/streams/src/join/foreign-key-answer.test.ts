import { expect, it } from 'vitest'
import { FakeTask } from '../async/fake-task.fixture.ts'
import type { StreamRecord } from '../contract/record.ts'
import { text } from '../serde/text.ts'
import { LoggingTask } from '../store/logged.fixture.ts'
import { subscriptionStore } from '../store/subscription.ts'
import { type Answer, type Instruction, instruction } from '../wire/foreign-key.ts'
import { answering, telling } from './foreign-key-answer.ts'

const { delete: forget, deleteAndAnswer, answer, answerIfFound } = instruction

function opened(rows: Readonly<Record<string, { value: string; timestamp: number }>>, versioned = false) {
  const task = new FakeTask()
  const sent: StreamRecord<string, Answer<string>>[] = []
  const store = subscriptionStore('s', { foreign: text, key: text }).create(new LoggingTask())
  const side = { store, versioned, rows: { get: (key: string) => rows[key] } }
  const out = (record: StreamRecord<string, Answer<string>>): number => sent.push(record)
  const subscribe = answering<string, string, string>(task, out, side)
  return {
    sent,
    store,
    dropped: task.dropped,
    tell: telling<string, string, string>(task, out, side),
    subscribe: (foreign: string | null, told: Instruction, key = 'k', hash: string | null = 'h') =>
      subscribe({ key: foreign, value: { hash, instruction: told, key, partition: 3 }, timestamp: 10, headers: [['h', null]] }),
  }
}

const row = { value: 'R', timestamp: 12 }
const old = { value: 'R', timestamp: 5 }

it.each([
  [answer, { f: row }, { value: 'R', timestamp: 12 }],
  [answer, { f: old }, { value: 'R', timestamp: 10 }],
  [answer, {}, { value: null, timestamp: 10 }],
  [answerIfFound, { f: row }, { value: 'R', timestamp: 12 }],
  [answerIfFound, {}, undefined],
  [deleteAndAnswer, { f: row }, { value: null, timestamp: 12 }],
  [deleteAndAnswer, {}, { value: null, timestamp: 10 }],
  [forget, { f: row }, undefined],
] as const)('instruction %j with rows %j is answered by %j', (told, rows, wanted) => {
  const { sent, subscribe } = opened(rows)
  subscribe('f', told)
  const answered = wanted && {
    key: 'k',
    value: { hash: 'h', value: wanted.value, partition: 3 },
    timestamp: wanted.timestamp,
    headers: [['h', null]],
  }
  expect(sent).toEqual(wanted === undefined ? [] : [answered])
})

it('keeps nothing without a foreign key, but answers when it must; other instructions are dropped', () => {
  const { sent, store, dropped, subscribe } = opened({})
  for (const told of [answer, answerIfFound, forget, deleteAndAnswer]) subscribe(null, told)
  expect([sent.map(each => each.value.value), store.size, dropped]).toEqual([[null], 0, ['null-key', 'null-key', 'null-key']])
})

it('tells a changed row to those who are subscribed, in the order of their keys', () => {
  const { sent, tell, subscribe } = opened({})
  for (const key of ['b', 'c', 'a']) subscribe('f', answerIfFound, key, `hash of ${key}`)
  subscribe('f', forget, 'c')
  subscribe('g', answerIfFound, 'd')
  const changed = { key: 'f', value: 'R2', previous: null, timestamp: 3, headers: [], latest: true }
  tell(changed)
  tell({ ...changed, value: null, previous: 'R2' })
  expect(sent.map(({ key, value, timestamp }) => [key, value.hash, value.value, value.partition, timestamp])).toEqual([
    ['a', 'hash of a', 'R2', 3, 3],
    ['b', 'hash of b', 'R2', 3, 3],
    ['a', 'hash of a', null, 3, 3],
    ['b', 'hash of b', null, 3, 3],
  ])
})

it('drops older versions of a table that is ordered by time', () => {
  for (const versioned of [true, false]) {
    const { sent, dropped, tell, subscribe } = opened({}, versioned)
    subscribe('f', answerIfFound)
    tell({ key: 'f', value: 'R2', previous: null, timestamp: 3, headers: [], latest: false })
    expect([sent.length, dropped]).toEqual(versioned ? [0, ['late']] : [1, []])
  }
})
