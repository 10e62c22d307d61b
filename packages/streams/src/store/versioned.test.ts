import fc from 'fast-check'
import { expect, it } from 'vitest'
import { text } from '../serde/text.ts'
import { LoggingTask, unevenKeys } from './logged.fixture.ts'
import { versionedStore } from './versioned.ts'

const retention = 30
const open = (historyRetention = retention) => {
  const task = new LoggingTask()
  return { task, store: versionedStore('v', { key: text, value: text, historyRetention }).create(task) }
}

interface Put {
  readonly key: string
  readonly value: string | null
  readonly at: number
}
type Step = ({ readonly do: 'put' } & Put) | { readonly do: 'committed' | 'rollback' | 'restart' }
const keys = unevenKeys.slice(4, 7)
const value = fc.option(fc.constantFrom('x', 'y', 'z'), { freq: 2 })
/** Time goes on by three a step, and each put is up to 40 behind or 20 ahead of that: beyond the history, too. */
const put = fc.record({ do: fc.constant('put' as const), key: fc.constantFrom(...keys), value, at: fc.nat(60) })
const other = fc.record({ do: fc.constantFrom('committed' as const, 'rollback' as const, 'restart' as const) })
const steps: fc.Arbitrary<Step[]> = fc
  .array(fc.oneof({ weight: 8, arbitrary: put }, { weight: 1, arbitrary: other }), { maxLength: 40, size: 'max' })
  .map(all => all.map((step, i) => (step.do === 'put' ? { ...step, at: Math.max(0, i * 3 + step.at - 40) } : step)))

it('is after commits, rollbacks and restarts what one is into which only what stands was put', () => {
  fc.assert(
    fc.property(steps, steps => {
      let { task, store } = open()
      let all: Put[] = []
      let committed = 0
      for (const step of steps) {
        if (step.do === 'put') {
          store.put(step.key, step.value, step.at)
          all.push(step)
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
          ;({ task, store } = open())
          for (const { key, value, timestamp } of logged) store.restore(key, value, timestamp, [])
          task.logged.push(...logged)
        }
        const { store: like } = open()
        for (const { key, value, at } of all) like.put(key, value, at)
        expect([[...store.entries()], store.size]).toEqual([[...like.entries()], like.size])
        for (const { at } of all) for (const key of keys) expect(store.asOf(key, at)).toEqual(like.asOf(key, at))
      }
    }),
    { numRuns: 60 },
  )
})

it('lists latest rows in the order of their bytes', () => {
  const { store } = open()
  for (const key of unevenKeys) store.put(key, key, 1)
  expect(Array.from(store.entries(), ([key]) => key)).toEqual(
    [...unevenKeys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  )
})

it('logs every put with its own time, also what it does not take', () => {
  const { task, store } = open()
  expect([store.put('é', 'a', 100), store.put('é', null, 90), store.put('é', 'c', 69), store.put('é', 'd', 70)]).toEqual([
    'latest',
    'older',
    'expired',
    'older',
  ])
  expect(task.dropped).toEqual(['expired'])
  expect(task.logged.map(({ key, value, timestamp }) => [key.toString(), value?.toString() ?? null, timestamp])).toEqual([
    ['é', 'a', 100],
    ['é', null, 90],
    ['é', 'c', 69],
    ['é', 'd', 70],
  ])
})

it('deletes from a time on, and says what was there', () => {
  const { task, store } = open()
  store.put('k', 'a', 10)
  store.put('k', 'c', 30)
  expect(store.delete('k', 20)).toEqual({ value: 'a', timestamp: 10 })
  expect([store.asOf('k', 19)?.value, store.asOf('k', 20), store.asOf('k', 30)?.value]).toEqual(['a', undefined, 'c'])
  store.put('x', 'x', 100)
  expect(store.delete('k', 69)).toBeUndefined()
  expect([store.get('k')?.value, task.dropped, task.logged.length]).toEqual(['c', ['expired'], 5])
})

it('knows a latest row however old it is, and nothing else beyond its history', () => {
  const { store } = open()
  store.put('k', 'a', 0)
  store.put('k', 'b', 10)
  store.put('x', 'x', 1000)
  expect([store.get('k')?.value, store.asOf('k', 500)?.value, store.asOf('k', 10)?.value, store.asOf('k', 9)]).toEqual([
    'b',
    'b',
    'b',
    undefined,
  ])
})

it('forgets a deletion at the time of the only row, as Kafka Streams does', () => {
  const { store } = open()
  store.put('k', 'a', 10)
  store.put('k', null, 10)
  expect([store.put('k', 'b', 5), store.get('k')?.value]).toEqual(['latest', 'b'])
  store.put('k', 'c', 10)
  store.put('k', null, 10)
  expect([store.put('k', 'd', 6), store.get('k')]).toEqual(['older', undefined])
})

it('copies what it restores', () => {
  const { task, store } = open()
  const frame = Buffer.from('xkeyx42x')
  store.restore(frame.subarray(1, 4), frame.subarray(5, 7), 9, [])
  frame.fill(0xdb)
  expect([store.get('key'), task.logged, store.uncommitted]).toEqual([{ value: '42', timestamp: 9 }, [], 0])
})

it('leaves out of a restore what was not put when it was logged', () => {
  const { task, store } = open()
  const puts: Put[] = [100, 69, 70].map(at => ({ key: 'k', value: String(at), at }))
  for (const each of puts) store.put(each.key, each.value, each.at)
  const { store: restored } = open()
  for (const { key, value, timestamp } of task.logged) restored.restore(key, value, timestamp, [])
  expect(restored.asOf('k', 99)?.value).toBe('70')
  expect(restored.put('k', 'x', 69)).toBe('expired')
})

it('puts its time back with its rows', () => {
  const { store } = open()
  store.put('k', 'a', 0)
  store.committed()
  store.put('x', 'x', 1000)
  expect(store.put('k', 'b', 1)).toBe('expired')
  store.rollback()
  expect(store.put('k', 'b', 1)).toBe('latest')
})

it('refuses a history that is no time, and a name that Kafka does not allow', () => {
  for (const historyRetention of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => open(historyRetention)).toThrow('RIACHO_OPTION')
  expect(() => versionedStore('a b', { key: text, value: text, historyRetention: 1 })).toThrow('RIACHO_NAME')
})

it('forgets everything when cleared', () => {
  const { store } = open()
  for (const at of [100, 110, 120]) store.put('k', String(at), at)
  store.clear()
  expect([store.size, store.uncommitted, store.get('k'), store.asOf('k', 115), store.put('k', 'a', 0)]).toEqual([
    0,
    0,
    undefined,
    undefined,
    'latest',
  ])
})
