import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Serde } from '../contract/serde.ts'
import { compositeKey } from '../serde/composite-key.ts'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { vectors } from '../wire/vectors.fixture.ts'
import { keyForm } from './key.ts'
import { LoggingTask, unevenKeys } from './logged.fixture.ts'
import { unmatchedStore } from './unmatched.ts'

const open = <K>(key: Serde<K>) => {
  const task = new LoggingTask()
  return { task, store: unmatchedStore('s', { key, left: json<number>() as Serde<unknown>, right: text as Serde<unknown> }).create(task) }
}

interface Waiting {
  readonly side: 0 | 1
  readonly key: number
  readonly time: number
  readonly value: unknown
}
type Step =
  | { readonly do: 'add' | 'remove'; readonly side: 0 | 1; readonly key: number; readonly time: number }
  | { readonly do: 'release'; readonly right: number; readonly left: number }
  | { readonly do: 'committed' | 'rollback' | 'restart' }
const place = { side: fc.constantFrom(0 as const, 1 as const), key: fc.nat(3), time: fc.nat(6) }
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('add' as const), ...place }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), ...place }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('release' as const), right: fc.nat(4), left: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('committed' as const, 'rollback' as const, 'restart' as const) }) },
)

/** Walks over all records as Kafka Streams does: what it hands on, and the time of the last that it looks at. */
function walked(ordered: readonly Waiting[], { right, left }: { right: number; left: number }): { out: Waiting[]; last: number } {
  const out: Waiting[] = []
  const open = [false, false]
  let last = -1
  for (const each of ordered) {
    last = each.time
    if (open[0] && open[1]) break
    if (each.time >= [right, left][each.side]!) open[each.side] = true
    else out.push(each)
  }
  return { out, last }
}

/** Plays steps on a store and on a list, and compares. */
function play<K>(serde: Serde<K>, keyOf: (n: number) => K, steps: readonly Step[]): void {
  const form = keyForm(serde)
  const bytes = ({ key }: Waiting) => serde.encode(keyOf(key))
  let { task, store } = open(serde)
  let all: Waiting[] = []
  let committed: { all: Waiting[]; logged: number } = { all, logged: 0 }
  const ordered = () => [...all].sort((a, b) => a.time - b.time || a.side - b.side || Buffer.compare(bytes(a), bytes(b)))
  const same = (a: Waiting, b: { side: 0 | 1; key: number; time: number }) => a.side === b.side && a.key === b.key && a.time === b.time
  steps.forEach((step, i) => {
    if (step.do === 'add') {
      const value = step.side === 1 ? i : `r${i}`
      store.add(step.side, form.of(keyOf(step.key)), value, step.time)
      all = [...all, { ...step, value }]
    } else if (step.do === 'remove') {
      const before = task.logged.length
      store.remove(step.side, form.of(keyOf(step.key)), step.time, 77)
      const rest = all.filter(each => !same(each, step))
      expect(task.logged.slice(before).map(({ value, timestamp }) => [value, timestamp])).toEqual(
        rest.length < all.length ? [[null, 77]] : [],
      )
      all = rest
    } else if (step.do === 'release') {
      const { out, last } = walked(ordered(), step)
      const released: unknown[] = []
      expect(store.release(step.right, step.left, 77, (side, key, value, time) => released.push([side, key, value, time]))).toBe(last)
      expect(released).toEqual(out.map(each => [each.side, keyOf(each.key), each.value, each.time]))
      all = all.filter(each => !out.includes(each))
    } else if (step.do === 'rollback') {
      store.rollback()
      all = committed.all
      task.logged.length = committed.logged
    } else {
      store.committed()
      expect([store.uncommitted, store.size]).toEqual([0, all.length])
      committed = { all, logged: task.logged.length }
    }
    if (step.do === 'restart') {
      const { logged } = task
      ;({ task, store } = open(serde))
      for (const { key, value, timestamp } of logged) store.restore(key, value, timestamp, [])
      task.logged.push(...logged)
    }
    const names = ['right', 'left'] as const
    expect([...store.entries()]).toEqual(ordered().map(each => [keyOf(each.key), each.time, names[each.side], each.value]))
  })
}

const pairs = compositeKey({ a: text, b: int64 })
it.each<[string, (steps: readonly Step[]) => void]>([
  ['texts', steps => play(text, n => unevenKeys[n + 3]!, steps)],
  ['numbers', steps => play(int64, n => (n % 2 === 0 ? n : -n * 2 ** 40), steps)],
  ['composite keys', steps => play(pairs, n => ({ a: unevenKeys[n]!, b: n }), steps)],
])('keeps, releases, commits, puts back and restores what waits by %s', (_name, run) => {
  fc.assert(fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), run), { numRuns: 300 })
})

interface Unmatched {
  readonly key: string
  readonly ts: number
  readonly side: 'left' | 'right'
  readonly values: readonly string[]
  readonly storeKeyHex: string
  readonly listHex: string
}
it.each(vectors<Unmatched>('outer-join-store'))('logs $storeKeyHex as Kafka Streams does', vector => {
  const task = new LoggingTask()
  const store = unmatchedStore('s', { key: text, left: text as Serde<unknown>, right: text as Serde<unknown> }).create(task)
  for (const value of vector.values) store.add(vector.side === 'left' ? 1 : 0, vector.key, value, vector.ts)
  expect(task.logged.map(({ key, timestamp }) => [key.toString('hex'), timestamp])).toEqual(
    vector.values.map(() => [vector.storeKeyHex, vector.ts]),
  )
  expect(task.logged.at(-1)!.value!.toString('hex')).toBe(vector.listHex)
})

it('forgets everything when cleared', () => {
  const { store } = open(text)
  store.add(1, 'k', 1, 5)
  store.clear()
  store.rollback()
  expect([store.size, store.uncommitted, [...store.entries()]]).toEqual([0, 0, []])
})
