import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { StreamRecord } from '../contract/record.ts'
import type { Position } from '../contract/task.ts'
import { json } from '../serde/json.ts'
import { text } from '../serde/text.ts'
import { type GraceBuffer, graceBuffer } from './grace-buffer.ts'
import { LoggingTask } from './logged.fixture.ts'

const open = () => {
  const task = new LoggingTask()
  return { task, buffer: graceBuffer('j-Buffer', { key: text, value: json<number>() }).create(task) }
}

type Numbered = StreamRecord<string, number>
const record = (key: string, value: number, timestamp: number): Numbered => ({ key, value, timestamp, headers: [] })
const at = (offset: number): Position => ({ topic: 'in', partition: 2, offset })

/** What leaves up to a time, with where it came from. */
function evicted(buffer: GraceBuffer<string, number>, limit: number): readonly (readonly [Numbered, Position])[] {
  const left: (readonly [Numbered, Position])[] = []
  buffer.evict(limit, 7, (record, from) => left.push([record, from]))
  return left
}

type Step =
  | { readonly do: 'put'; readonly key: string; readonly at: number }
  | { readonly do: 'evict'; readonly limit: number }
  | { readonly do: 'committed' | 'rollback' | 'restart' }
/** Keys of which some begin as others do: what follows the shorter one is its sequence number. */
const keys = ['', 'a', 'a\0', 'a\0\0\0\u0002', 'b', '\u{1f600}', '\uffee']
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('put' as const), key: fc.constantFrom(...keys), at: fc.nat(12) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('evict' as const), limit: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('committed' as const, 'rollback' as const, 'restart' as const) }) },
)

interface Naive {
  readonly waits: readonly { readonly record: Numbered; readonly sequence: number }[]
  readonly sequence: number
  readonly time: number
}

const sequenced = (key: string, sequence: number): Buffer => {
  const end = Buffer.alloc(4)
  end.writeInt32BE(sequence)
  return Buffer.concat([Buffer.from(key), end])
}

/** The records in the order in which they leave. */
const inOrder = ({ waits }: Naive): Naive['waits'] =>
  [...waits].sort(
    (a, b) =>
      a.record.timestamp - b.record.timestamp || Buffer.compare(sequenced(a.record.key, a.sequence), sequenced(b.record.key, b.sequence)),
  )

it('hands out what waits by time, key and sequence, through commits, rollbacks and restarts', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), steps => {
      let { task, buffer } = open()
      let now: Naive = { waits: [], sequence: 0, time: -1 }
      let committed = { state: now, logged: 0 }
      for (const [i, step] of steps.entries()) {
        if (step.do === 'put') {
          const put = record(step.key, i, step.at)
          buffer.put(put, at(i), 7)
          const sequence = now.sequence + 1
          now = { waits: [...now.waits, { record: put, sequence }], sequence, time: Math.max(now.time, step.at) }
        } else if (step.do === 'evict') {
          const due = inOrder(now).filter(each => each.record.timestamp <= step.limit)
          expect(evicted(buffer, step.limit)).toEqual(due.map(each => [each.record, at(each.record.value)]))
          now = { ...now, waits: now.waits.filter(each => !due.includes(each)) }
        } else if (step.do === 'rollback') {
          buffer.rollback()
          now = committed.state
          task.logged.length = committed.logged
        } else {
          buffer.committed()
          committed = { state: now, logged: task.logged.length }
          expect(buffer.uncommitted).toBe(0)
        }
        if (step.do === 'restart') {
          const { logged } = task
          ;({ task, buffer } = open())
          for (const { key, value, timestamp, headers } of logged) buffer.restore(key, value, timestamp, headers)
          task.logged.push(...logged)
        }
        expect([buffer.size, buffer.time]).toEqual([now.waits.length, now.time])
      }
      expect(evicted(buffer, 100).map(([each]) => each)).toEqual(inOrder(now).map(each => each.record))
    }),
    { numRuns: 200 },
  )
})

it('logs what waits and what has left as Kafka Streams does, with the wall clock', () => {
  const [time, offset, topic, partition] = ['0000000000000065', '0000000000000005', ['00000002', '696e'], '00000000']
  const [header, none, value, time0] = [
    ['00000001', '00000001', '68', '00000001', '78'],
    'ffffffff',
    ['00000001', '31'],
    '0000000000000000',
  ]
  const { task, buffer } = open()
  buffer.put({ key: 'a', value: 1, timestamp: 101, headers: [['h', Buffer.from('x')]] }, { topic: 'in', partition: 0, offset: 5 }, 9)
  evicted(buffer, 101)
  expect(task.logged.map(each => [each.key.toString('hex'), each.value?.toString('hex') ?? null, each.timestamp])).toEqual([
    ['0000000000000000656100000001', [time, offset, ...topic, partition, ...header, none, none, ...value, time0].join(''), 9],
    ['0000000000000000656100000001', null, 7],
  ])
  expect(task.logged.every(each => each.headers.length === 0)).toBe(true)
})

it('is still there while it is handed out', () => {
  const { buffer } = open()
  buffer.put(record('a', 1, 5), at(0), 7)
  expect(() =>
    buffer.evict(5, 7, () => {
      throw new Error('no')
    }),
  ).toThrow('no')
  expect(buffer.size).toBe(1)
})

it('copies what it restores, and knows no place where there was none', () => {
  const { task, buffer } = open()
  buffer.put({ ...record('a', 1, 5), headers: [['h', Buffer.from('x')]] }, null, 7)
  const { key, value } = task.logged[0]!
  const { buffer: restored, task: quiet } = open()
  restored.restore(key, value, 7, [])
  key.fill(0xdb)
  value!.fill(0xdb)
  const [[left, from]] = evicted(restored, 5) as [[Numbered, Position]]
  expect([left, from]).toEqual([
    { ...record('a', 1, 5), headers: [['h', Uint8Array.of(120)]] },
    { topic: '', partition: -1, offset: -1 },
  ])
  expect([quiet.logged.length, restored.uncommitted]).toEqual([1, 1])
})

it('numbers on after the last that came, and begins again after the greatest number', () => {
  const { task, buffer } = open()
  buffer.put(record('a', 1, 5), at(0), 7)
  const wire = Buffer.from(task.logged[0]!.key)
  wire.writeInt32BE(0x7fffffff, wire.length - 4)
  const { task: later, buffer: restored } = open()
  restored.restore(wire, task.logged[0]!.value, 7, [])
  for (const value of [2, 3]) restored.put(record('a', value, 5), at(value), 7)
  expect(later.logged.map(({ key }) => key.readInt32BE(key.length - 4))).toEqual([0, 1])
})

it('forgets everything when cleared, and has a name that Kafka allows', () => {
  const { buffer } = open()
  buffer.put(record('a', 1, 5), at(0), 7)
  buffer.clear()
  expect([buffer.size, buffer.time, buffer.uncommitted]).toEqual([0, -1, 0])
  expect(() => graceBuffer('a b', { key: text, value: text })).toThrow('RIACHO_NAME')
})
