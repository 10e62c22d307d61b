import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Serde } from '../contract/serde.ts'
import { compositeKey } from '../serde/composite-key.ts'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { keyValueStore } from './key-value.ts'
import { LoggingTask, unevenKeys } from './logged.fixture.ts'

const open = <K>(key: Serde<K>) => {
  const task = new LoggingTask()
  return { task, store: keyValueStore('s', { key, value: json<number>() }).create(task) }
}

type Step =
  | { readonly do: 'put'; readonly key: number; readonly value: number | null }
  | { readonly do: 'committed' | 'rollback' | 'restart' }
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('put' as const), key: fc.nat(8), value: fc.option(fc.nat(99)) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('committed' as const, 'rollback' as const, 'restart' as const) }) },
)

/** Plays steps on a store and on a list of everything ever put, and compares what can be seen. */
function play<K>(serde: Serde<K>, keyOf: (n: number) => K, steps: readonly Step[]): void {
  let { task, store } = open(serde)
  const order = (a: number, b: number) => Buffer.compare(serde.encode(keyOf(a)), serde.encode(keyOf(b)))
  let all: { readonly key: number; readonly value: number | null; readonly timestamp: number }[] = []
  let committed = 0
  steps.forEach((step, timestamp) => {
    if (step.do === 'put') {
      store.put(keyOf(step.key), step.value, timestamp)
      all.push({ ...step, timestamp })
    } else if (step.do === 'rollback') {
      store.rollback()
      all = all.slice(0, committed)
      task.logged.length = committed
    } else {
      store.committed()
      committed = all.length
      expect(store.uncommitted).toBe(0)
    }
    if (step.do === 'restart') {
      const { logged } = task
      ;({ task, store } = open(serde))
      for (const { key, value, timestamp } of logged) store.restore(key, value, timestamp, [])
      task.logged.push(...logged)
    }
    const last = new Map(all.map(put => [put.key, put]))
    const rows = [...last.values()].filter(put => put.value !== null).sort((a, b) => order(a.key, b.key))
    expect([...store.entries()].map(([key, row]) => [key, row.value, row.timestamp])).toEqual(
      rows.map(put => [keyOf(put.key), put.value, put.timestamp]),
    )
    expect(store.size).toBe(rows.length)
    expect([...store.reverseEntries()].map(([key]) => key)).toEqual(rows.map(put => keyOf(put.key)).reverse())
    const [low, high] = [step.do === 'put' ? step.key : 4, 6]
    const inside = rows.filter(put => order(low, put.key) <= 0 && order(put.key, high) <= 0).map(put => keyOf(put.key))
    expect([...store.range(keyOf(low), keyOf(high))].map(([key]) => key)).toEqual(inside)
    expect([...store.reverseRange(keyOf(low), keyOf(high))].map(([key]) => key)).toEqual(inside.reverse())
    const prefix = serde.encode(keyOf(low)).subarray(0, 1)
    const begins = rows.filter(put => Buffer.compare(serde.encode(keyOf(put.key)).subarray(0, prefix.length), prefix) === 0)
    expect([...store.prefix(prefix)].map(([key]) => key)).toEqual(begins.map(put => keyOf(put.key)))
    for (let n = 0; n < 9; n++) {
      const row = store.get(keyOf(n))
      expect(row === undefined ? null : row.value).toBe(last.get(n)?.value ?? null)
    }
  })
}

const pairs = compositeKey({ a: text, b: int64 })
it.each<[string, (steps: readonly Step[]) => void]>([
  ['texts', steps => play(text, n => unevenKeys[n]!, steps)],
  ['numbers', steps => play(int64, n => (n % 2 === 0 ? n : -n * 2 ** 40), steps)],
  ['composite keys', steps => play(pairs, n => ({ a: unevenKeys[n]!, b: n }), steps)],
])('keeps, deletes, commits, puts back and restores rows by %s', (_name, run) => {
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), run), { numRuns: 60 })
})

it('logs each write, deletions of nothing too', () => {
  const { task, store } = open(text)
  store.put('é', 5, 10)
  store.put('é', null, 11)
  store.put('x', null, 12)
  expect(task.logged.map(({ key, value, timestamp }) => [key.toString(), value?.toString() ?? null, timestamp])).toEqual([
    ['é', '5', 10],
    ['é', null, 11],
    ['x', null, 12],
  ])
})

it('logs nothing that it takes back, and restores from views', () => {
  const { task, store } = open(text)
  const frame = Buffer.from('xkeyx42x')
  store.restore(frame.subarray(1, 4), frame.subarray(5, 7), 9, [])
  frame.fill(0xdb)
  expect(store.get('key')).toMatchObject({ value: 42, timestamp: 9 })
  expect([task.logged, store.uncommitted]).toEqual([[], 0])
})

it('counts a key once per commit', () => {
  const { store } = open(text)
  for (let i = 0; i < 5; i++) store.put('k', i, i)
  expect(store.uncommitted).toBe(1)
  store.put('k', null, 6)
  expect(store.uncommitted).toBeGreaterThan(0)
  store.rollback()
  expect([store.size, store.uncommitted]).toEqual([0, 0])
})

it('refuses a key or a value that its serde refuses, and stays as it was', () => {
  const { task, store } = open(int64)
  expect(() => store.put(0.5, 1, 0)).toThrow('int64')
  expect(() => store.put(1, 1n as unknown as number, 0)).toThrow(TypeError)
  expect([task.logged, store.size]).toEqual([[], 0])
})

it('forgets everything when cleared', () => {
  const { store } = open(text)
  store.put('k', 1, 0)
  store.clear()
  store.rollback()
  expect([store.size, store.uncommitted]).toEqual([0, 0])
})

it('has a name that Kafka allows', () => {
  expect(() => keyValueStore('a b', { key: text, value: text })).toThrow('RIACHO_NAME')
})

it('keeps headers where it is told to, through commits, rollbacks and restarts', () => {
  const spec = keyValueStore('s', { key: text, value: text, headers: true })
  const task = new LoggingTask()
  const store = spec.create(task)
  const trace = [['trace', Buffer.from('t')]] as const
  store.put('a', '1', 5, trace)
  store.put('b', '2', 6)
  store.committed()
  store.put('a', '3', 7, [])
  expect([...store.entries()].map(([, row]) => row)).toEqual([
    { value: '3', timestamp: 7, headers: [] },
    { value: '2', timestamp: 6, headers: [] },
  ])
  store.rollback()
  expect(store.get('a')).toEqual({ value: '1', timestamp: 5, headers: trace })
  const restored = spec.create(new LoggingTask())
  for (const { key, value, timestamp, headers } of task.logged.slice(0, 2)) restored.restore(key, value, timestamp, headers)
  expect(restored.get('a')).toEqual({ value: '1', timestamp: 5, headers: trace })
  expect(task.logged.map(({ headers }) => headers.length)).toEqual([1, 0, 0])
})
