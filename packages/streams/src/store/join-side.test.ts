import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Serde } from '../contract/serde.ts'
import { compositeKey } from '../serde/composite-key.ts'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { hex, vectors } from '../wire/vectors.fixture.ts'
import { joinSideStore } from './join-side.ts'
import { keyForm } from './key.ts'
import { LoggingTask, unevenKeys } from './logged.fixture.ts'

const retention = 20
const open = <K>(key: Serde<K>) => {
  const task = new LoggingTask()
  return { task, store: joinSideStore('s', { key, value: json<number>(), retention }).create(task) }
}

interface Put {
  readonly key: number
  readonly value: number | null
  readonly time: number
}
type Step = (Put & { readonly do: 'put' }) | { readonly do: 'committed' | 'rollback' | 'restart' }
const put = fc.record({
  do: fc.constant('put' as const),
  key: fc.nat(3),
  value: fc.option(fc.nat(99), { freq: 6 }),
  time: fc.nat(60),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: put },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('committed' as const, 'rollback' as const, 'restart' as const) }) },
)

/** The puts that can be seen: those that a later one has not hidden. */
function seen(puts: readonly Put[]): Put[] {
  const time = Math.max(...puts.map(put => put.time))
  return puts.filter(put => put.value !== null && put.time > time - retention).sort((a, b) => a.time - b.time)
}

/** Plays steps on a store and on a list of everything ever put, and compares what can be seen. */
function play<K>(serde: Serde<K>, keyOf: (n: number) => K, steps: readonly Step[]): void {
  const form = keyForm(serde)
  let { task, store } = open(serde)
  let puts: Put[] = []
  let committed = 0
  for (const step of steps) {
    if (step.do === 'put') {
      store.put(form.of(keyOf(step.key)), step.value, step.time)
      puts.push(step)
    } else if (step.do === 'rollback') {
      store.rollback()
      puts = puts.slice(0, committed)
      task.logged.length = committed
    } else {
      store.committed()
      committed = puts.length
      expect(store.uncommitted).toBe(0)
    }
    if (step.do === 'restart') {
      const { logged } = task
      ;({ task, store } = open(serde))
      for (const { key, value, timestamp } of logged) store.restore(key, value, timestamp, [])
      task.logged.push(...logged)
    }
    for (let key = 0; key < 4; key++) {
      const own = seen(puts).filter(put => put.key === key)
      for (const [from, to] of [[0, 60] as const, [10, 25] as const]) {
        const many = store.find(form.of(keyOf(key)), from, to)
        const found = Array.from({ length: many }, (_, i) => [store.timeAt(i), store.valueAt(i)])
        expect(found).toEqual(own.filter(put => put.time >= from && put.time <= to).map(put => [put.time, put.value]))
      }
    }
    const rows = [...store.entries()].map(([key, time, row]) => [key, time, row.value, row.timestamp])
    const wanted = seen(puts).map(put => [keyOf(put.key), put.time, put.value, put.time])
    expect(rows.map(row => JSON.stringify(row)).sort()).toEqual(wanted.map(row => JSON.stringify(row)).sort())
  }
  expect(task.logged.map(({ key }) => key.readInt32BE(key.length - 4))).toEqual(puts.map((_, i) => i + 1))
}

const pairs = compositeKey({ a: text, b: int64 })
it.each<[string, (steps: readonly Step[]) => void]>([
  ['texts', steps => play(text, n => unevenKeys[n]!, steps)],
  ['numbers', steps => play(int64, n => (n % 2 === 0 ? n : -n * 2 ** 40), steps)],
  ['composite keys', steps => play(pairs, n => ({ a: unevenKeys[n]!, b: n }), steps)],
])('keeps, hides, commits, puts back and restores records by %s', (_name, run) => {
  fc.assert(fc.property(fc.array(step, { maxLength: 50 }), run))
})

it('logs records without a value and those that come too late, and counts the latter', () => {
  const { task, store } = open(text)
  store.put('k', 1, 100)
  store.put('k', null, 101)
  store.put('k', 2, 81)
  store.put('k', null, 81)
  expect(task.logged.map(({ key, value, timestamp }) => [key.readInt32BE(key.length - 4), value?.toString(), timestamp])).toEqual([
    [1, '1', 100],
    [2, undefined, 101],
    [3, '2', 81],
    [4, undefined, 81],
  ])
  expect([task.dropped, store.size]).toEqual([['expired', 'expired'], 1])
})

interface WindowedVector {
  readonly key: string
  readonly start: number
  readonly timeWindow: { readonly seq: number; readonly storeKeyHex: string }
}
it.each(vectors<WindowedVector>('windowed-keys').filter(each => each.timeWindow.seq > 0))(
  'logs the key $key at $start as Kafka Streams does, and counts on from what it restored',
  vector => {
    const before = hex(vector.timeWindow.storeKeyHex)
    before.writeInt32BE(vector.timeWindow.seq - 1, before.length - 4)
    const { task, store } = open(text)
    store.restore(before, Buffer.from('7'), 5, [])
    store.put(vector.key, 8, vector.start)
    expect(task.logged[0]!.key.toString('hex')).toBe(vector.timeWindow.storeKeyHex)
    expect(store.find(vector.key, vector.start, vector.start)).toBe(2)
    expect([store.valueAt(0), store.valueAt(1)]).toEqual([7, 8])
  },
)

it('frees expired records at a commit, and only then, and while it is restored', () => {
  const { task, store } = open(text)
  for (let time = 0; time < 1000; time++) store.put('k', time, time)
  expect(store.size).toBe(1000)
  store.committed()
  expect(store.size).toBeLessThan(retention * 1.2)
  const { store: restored } = open(text)
  for (const { key, value, timestamp } of task.logged) {
    restored.restore(key, value, timestamp, [])
    expect(restored.size).toBeLessThan(retention * 1.2)
  }
  restored.clear()
  expect([restored.size, restored.find('k', 0, 1000), [...restored.entries()]]).toEqual([0, 0, []])
})

it('has a changelog that nobody compacts', () => {
  expect(joinSideStore('s', { key: text, value: text, retention })).toMatchObject({ kind: 'window', retention, duplicates: true })
})
