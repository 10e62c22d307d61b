import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Serde } from '../contract/serde.ts'
import { compositeKey } from '../serde/composite-key.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { CombinedKey, type Instruction, instruction, subscriptionSerde } from '../wire/foreign-key.ts'
import { LoggingTask, unevenKeys } from './logged.fixture.ts'
import { subscriptionStore } from './subscription.ts'

const open = <FK, K>(foreign: Serde<FK>, key: Serde<K>) => {
  const task = new LoggingTask()
  return { task, store: subscriptionStore('s', { foreign, key }).create(task) }
}

interface Put {
  readonly do: 'put'
  readonly foreign: number
  readonly key: number
  readonly told: Instruction
  readonly version: 0 | 1
}
type Step = Put | { readonly do: 'committed' | 'rollback' | 'restart' }
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      foreign: fc.nat(3),
      key: fc.nat(8),
      told: fc.constantFrom<Instruction[]>(0, 1, 2, 2, 3, 3),
      version: fc.constantFrom<(0 | 1)[]>(0, 1),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('committed' as const, 'rollback' as const, 'restart' as const) }) },
)

/** Sixteen characters that tell one put from another. */
const hashOf = (n: number): string => `ÿ\0${String(n).padStart(14, '0')}`

/** Plays steps on a store and on a list of everything ever put, and compares what can be seen. */
function play<FK, K>(
  serdes: readonly [Serde<FK>, Serde<K>],
  foreignOf: (n: number) => FK,
  keyOf: (n: number) => K,
  steps: readonly Step[],
) {
  let { task, store } = open(...serdes)
  let all: (Put & { readonly n: number })[] = []
  let committed = 0
  const wanted = (put: Put & { readonly n: number }) => ({
    key: keyOf(put.key),
    hash: hashOf(put.n),
    partition: put.version === 0 ? undefined : put.n,
  })
  steps.forEach((step, n) => {
    if (step.do === 'put') {
      const put = { ...step, n }
      store.put(foreignOf(step.foreign), { ...wanted(put), instruction: step.told }, n, [['h', Buffer.from(String(n))]])
      all.push(put)
    } else if (step.do === 'rollback') {
      store.rollback()
      all = all.slice(0, committed)
      task.logged.length = committed
    } else {
      store.committed()
      committed = all.length
    }
    if (step.do === 'restart') {
      const { logged } = task
      ;({ task, store } = open(...serdes))
      for (const { key, value, timestamp, headers } of logged) store.restore(key, value, timestamp, headers)
      task.logged.push(...logged)
    }
    expect(store.uncommitted).toBe(all.length - committed)
    const last = new Map(all.map(put => [`${put.foreign} ${put.key}`, put]))
    const rows = [...last.values()].filter(put => put.told >= instruction.answer)
    expect(store.size).toBe(rows.length)
    expect([...store.entries()]).toHaveLength(rows.length)
    for (let foreign = 0; foreign < 4; foreign++) {
      const found: unknown[] = []
      store.forEach(foreignOf(foreign), (key, subscriber) => found.push({ key, ...subscriber }))
      const raw = (n: number) => serdes[1].encode(keyOf(n))
      const own = rows.filter(put => put.foreign === foreign).sort((a, b) => Buffer.compare(raw(a.key), raw(b.key)))
      expect(found).toEqual(own.map(wanted))
    }
  })
}

const plays = (test: (steps: Step[]) => void): void => fc.assert(fc.property(fc.array(step, { maxLength: 40 }), test), { numRuns: 60 })

it('keeps, forgets, commits, puts back and restores subscriptions by text', () => {
  plays(steps =>
    play(
      [text, text],
      n => unevenKeys[n]!,
      n => unevenKeys[n]!,
      steps,
    ),
  )
})

it('does so by numbers and by several fields', () => {
  const fields = compositeKey({ name: text, n: int64 })
  plays(steps =>
    play(
      [fields, int64],
      n => ({ name: unevenKeys[n]!, n }),
      n => (n - 4) * 1000,
      steps,
    ),
  )
})

it('logs the message with its headers, and forgets with them', () => {
  const { task, store } = open(text, text)
  const row = { hash: 'h'.repeat(16), instruction: instruction.answer, key: 'k', partition: 2 }
  const headers = [['h', Buffer.from('1')]] as const
  store.put('f', row, 5, headers)
  store.put('f', { ...row, instruction: instruction.delete }, 6, headers)
  const key = Buffer.from(new CombinedKey().of('f', 'k'))
  expect(task.logged).toEqual([
    { key, value: Buffer.from(subscriptionSerde(text).encode(row)), timestamp: 5, headers },
    { key, value: null, timestamp: 6, headers },
  ])
})

it('looks at no other foreign key', () => {
  const { store } = open(text, text)
  for (let i = 0; i < 100; i++) {
    store.put(`f${i}`, { hash: null, instruction: instruction.answer, key: `k${i}`, partition: 0 }, 0, [])
  }
  let shown = 0
  store.forEach('f1', () => shown++)
  expect([shown, store.size]).toEqual([1, 100])
})

it('lists all in the order of their bytes', () => {
  const { store } = open(text, text)
  for (const foreign of ['b', 'aa', 'c']) {
    for (const key of ['2', '1']) store.put(foreign, { hash: null, instruction: instruction.answer, key, partition: 0 }, 0, [])
  }
  expect(Array.from(store.entries(), ([key]) => Buffer.from(key).subarray(4).toString())).toEqual(['b1', 'b2', 'c1', 'c2', 'aa1', 'aa2'])
})

it('forgets everything when cleared', () => {
  const { store } = open(text, text)
  store.put('f', { hash: null, instruction: instruction.answer, key: 'k', partition: 0 }, 0, [])
  store.clear()
  expect([store.size, store.uncommitted, [...store.entries()]]).toEqual([0, 0, []])
})
