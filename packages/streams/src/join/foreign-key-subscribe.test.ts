import { expect, it } from 'vitest'
import { FakeTask } from '../async/fake-task.fixture.ts'
import type { Change, StreamRecord } from '../contract/record.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { instruction, type Subscription } from '../wire/foreign-key.ts'
import { murmur3 } from '../wire/murmur3.ts'
import { type LeftSide, subscribing } from './foreign-key-subscribe.ts'

type Told = StreamRecord<string | null, Subscription<string>>

/** The part before a colon; none without one. */
const foreignKey = (value: string): string | null => (value.includes(':') ? value.slice(0, value.indexOf(':')) : null)

const inner: LeftSide<string, string, string> = {
  name: 'j',
  left: false,
  always: false,
  foreignKey,
  onError: undefined,
  foreign: text,
  value: text,
  versioned: false,
}
const sides = { inner, left: { ...inner, left: true, always: true }, always: { ...inner, always: true } }

const change = (previous: string | null, value: string | null): Change<string, string> => ({
  key: 'k',
  value,
  previous,
  timestamp: 7,
  headers: [['h', null]],
  latest: true,
})

function told(side: LeftSide<string, string, string>, ...changes: readonly Change<string, string>[]) {
  const task = new FakeTask()
  const sent: Told[] = []
  const input = subscribing<string, string, string>(task, record => sent.push(record), side)
  for (const each of changes) input(each)
  return { sent, dropped: task.dropped, short: sent.map(({ key, value }) => `${key} ${value.instruction}`) }
}

const { delete: forget, deleteAndAnswer, answer, answerIfFound } = instruction

/** Kafka Streams: `SubscriptionSendProcessorSupplier`, and what `deletions: 'always'` changes. */
const table: readonly (readonly [
  from: string | null,
  to: string | null,
  inner: string[],
  left: string[],
  always: string[],
  drops: number,
])[] = [
  [null, null, [], [], [], 0],
  [null, 'a:1', [`a ${answerIfFound}`], [`a ${answer}`], [`a ${answer}`], 0],
  [null, 'none', [], [`null ${answer}`], [`null ${answer}`], 1],
  ['none', 'a:1', [`a ${answerIfFound}`], [`a ${answer}`], [`a ${answer}`], 0],
  ['none', 'nil', [], [`null ${answer}`], [`null ${answer}`], 1],
  ['none', null, [], [`null ${answer}`], [`null ${answer}`], 0],
  ['a:1', 'a:2', [`a ${answerIfFound}`], [`a ${answer}`], [`a ${answer}`], 0],
  ['a:1', 'b:1', [`a ${forget}`, `b ${answer}`], [`a ${forget}`, `b ${answer}`], [`a ${forget}`, `b ${answer}`], 0],
  ['a:1', 'none', [`a ${deleteAndAnswer}`], [`a ${forget}`, `null ${answer}`], [`a ${forget}`, `null ${answer}`], 1],
  ['a:1', null, [`a ${deleteAndAnswer}`], [`a ${forget}`, `null ${answer}`], [`a ${forget}`, `null ${answer}`], 0],
]

it.each(table)('a row from %j to %j tells inner %j, left %j, always %j', (from, to, ...wanted) => {
  const [inInner, inLeft, inAlways, drops] = wanted
  expect([told(sides.inner, change(from, to)).short, told(sides.left, change(from, to)).short]).toEqual([inInner, inLeft])
  expect(told(sides.always, change(from, to)).short).toEqual(inAlways)
  const dropped = Object.values(sides).map(side => told(side, change(from, to)).dropped)
  const counted = Array(drops).fill('null-key')
  expect(dropped).toEqual([counted, [], counted])
})

it('says the hash of the row as it is now, its key and partition, with the time and headers of the change', () => {
  const { sent } = told(inner, change('a:1', 'b:2'), change('b:2', null))
  const hash = murmur3(Buffer.from('b:2'))
  expect(sent).toEqual([
    { key: 'a', value: { hash, instruction: forget, key: 'k', partition: 0 }, timestamp: 7, headers: [['h', null]] },
    { key: 'b', value: { hash, instruction: answer, key: 'k', partition: 0 }, timestamp: 7, headers: [['h', null]] },
    { key: 'b', value: { hash: null, instruction: deleteAndAnswer, key: 'k', partition: 0 }, timestamp: 7, headers: [['h', null]] },
  ])
})

it('takes a foreign key that is undefined for none', () => {
  expect(told({ ...sides.left, foreignKey: () => undefined }, change(null, 'a')).short).toEqual([`null ${answer}`])
})

it('tells keys apart by their bytes', () => {
  const input = (a: object, b: object) => {
    const sent: unknown[] = []
    const byBytes = { encode: (key: { id: number }) => int64.encode(key.id), decode: (raw: Uint8Array) => ({ id: int64.decode(raw) }) }
    const side = { ...inner, foreign: byBytes, foreignKey: (value: string) => (value === 'a' ? a : b) as { id: number } }
    subscribing(new FakeTask(), record => sent.push(record), side)(change('a', 'b'))
    return sent.length
  }
  expect([input({ id: 1, seen: 1 }, { id: 1, seen: 2 }), input({ id: 1 }, { id: 2 })]).toEqual([1, 2])
})

it('drops older versions of a table that is ordered by time', () => {
  const late = { ...change(null, 'a:1'), latest: false }
  expect(told({ ...inner, versioned: true }, late, change(null, 'b:1'))).toMatchObject({ short: [`b ${answerIfFound}`], dropped: ['late'] })
  expect(told(inner, late).short).toHaveLength(1)
})

it('stops the task when the foreign key or the bytes of a row cannot be had', () => {
  const broken = (): never => {
    throw new Error('no')
  }
  const place = { node: 'j', topic: 'in' }
  expect(() => told({ ...inner, foreignKey: broken }, change(null, 'a:1'))).toThrow(
    expect.objectContaining({ code: 'RIACHO_PROCESSING', place: expect.objectContaining(place) }),
  )
  expect(() => told({ ...inner, value: { encode: broken, decode: broken } }, change(null, 'a:1'))).toThrow(
    expect.objectContaining({ code: 'RIACHO_ENCODE', place: expect.objectContaining(place) }),
  )
})
