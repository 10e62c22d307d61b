import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { json } from '../serde/json.ts'
import { text } from '../serde/text.ts'
import { hex, vectors } from '../wire/vectors.fixture.ts'
import { LoggingTask, unevenKeys } from './logged.fixture.ts'
import { windowStore, windowStoreByKey } from './window.ts'

const retention = 30
const layouts = { 'by start': windowStore, 'by key': windowStoreByKey }

interface WindowedVector {
  readonly key: string
  readonly start: number
  readonly timeWindow: { readonly seq: number; readonly storeKeyHex: string }
}

type Step =
  | { readonly do: 'put'; readonly key: number; readonly start: number; readonly value: number | null }
  | { readonly do: 'committed' | 'rollback' | 'restart' }
const put = fc.record({ do: fc.constant('put' as const), key: fc.nat(8), start: fc.nat(9).map(n => n * 10), value: fc.option(fc.nat(99)) })
const span = fc.tuple(fc.integer({ min: -20, max: 110 }), fc.integer({ min: -20, max: 110 }))
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: put },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('committed' as const, 'rollback' as const, 'restart' as const) }) },
)
type Put = Extract<Step, { do: 'put' }> & { readonly timestamp: number; readonly kept: boolean }

const timeOf = (all: readonly Put[]): number => Math.max(-1, ...all.map(each => each.start))

/** What a store shows after these puts: the last kept of each key and start that is not expired. */
function shown(all: readonly Put[]): readonly (readonly [string, number, number])[] {
  const last = new Map(all.filter(each => each.kept).map(each => [`${each.start} ${each.key}`, each]))
  return [...last.values()]
    .filter(each => each.value !== null && each.start > timeOf(all) - retention)
    .sort((a, b) => a.start - b.start || Buffer.compare(Buffer.from(unevenKeys[a.key]!), Buffer.from(unevenKeys[b.key]!)))
    .map(each => [unevenKeys[each.key]!, each.start, each.value!] as const)
}

describe.each(Object.entries(layouts))('%s', (_layout, declared) => {
  const open = (kept = retention) => {
    const task = new LoggingTask()
    return { task, store: declared('w', { key: text, value: json<number>(), retention: kept }).create(task) }
  }

  it('keeps, deletes, expires, commits, puts back and restores rows', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.array(span, { minLength: 40, maxLength: 40 }), (steps, spans) => {
        let { task, store } = open()
        let all: Put[] = []
        let committed = 0
        steps.forEach((step, timestamp) => {
          if (step.do === 'put') {
            const kept = step.start > Math.max(timeOf(all), step.start) - retention
            expect(store.put(unevenKeys[step.key]!, step.start, step.value, timestamp)).toBe(kept)
            all.push({ ...step, timestamp, kept })
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
            ;({ task, store } = open())
            for (const { key, value, timestamp } of logged) store.restore(key, value, timestamp, [])
            task.logged.push(...logged)
          }
          const rows = shown(all)
          expect([...store.entries()].map(([key, start, row]) => [key, start, row.value])).toEqual(rows)
          for (const key of unevenKeys) {
            for (let start = 0; start < 100; start += 10) {
              const row = rows.find(each => each[0] === key && each[1] === start)
              expect(store.get(key, start)?.value).toBe(row?.[2])
            }
          }
          const [from, to] = spans[timestamp]!
          const within = rows.filter(([, start]) => start >= from && start <= to)
          const read = (found: Iterable<readonly [string, number, { readonly value: number }]>) =>
            [...found].map(([key, start, row]) => [key, start, row.value])
          expect(read(store.fetchAll(from, to))).toEqual(within)
          expect(read(store.backwardFetchAll(from, to))).toEqual(within.toReversed())
          for (const key of unevenKeys) {
            const own = within.filter(row => row[0] === key).map(([, start, value]) => [start, value])
            expect([...store.fetch(key, from, to)].map(([start, row]) => [start, row.value])).toEqual(own)
            expect([...store.backwardFetch(key, from, to)].map(([start, row]) => [start, row.value])).toEqual(own.toReversed())
          }
        })
      }),
      { numRuns: 100 },
    )
  })

  it('logs an expired row, drops it, and says so', () => {
    const { task, store } = open()
    store.put('k', 100, 1, 0)
    expect(store.put('k', 70, 2, 1)).toBe(false)
    expect(store.put('k', 71, 3, 2)).toBe(true)
    expect(task.dropped).toEqual(['expired'])
    expect(task.logged.map(({ value, timestamp }) => [value?.toString(), timestamp])).toEqual([
      ['1', 0],
      ['2', 1],
      ['3', 2],
    ])
  })

  it('frees expired windows at a commit, and only then', () => {
    const { store } = open()
    for (let start = 0; start < 1000; start += 10) store.put('k', start, start, start)
    expect(store.size).toBe(100)
    store.committed()
    expect(store.size).toBe(3)
  })

  it('frees expired windows while it is restored: a changelog holds a day more than a store', () => {
    const { task, store } = open()
    for (let start = 0; start < 1000; start += 10) store.put('k', start, start, start)
    const { store: restored } = open()
    for (const { key, value, timestamp } of task.logged) {
      restored.restore(key, value, timestamp, [])
      expect(restored.size).toBeLessThanOrEqual(3)
    }
    expect(restored.size).toBe(3)
  })

  it('puts its time back with its rows', () => {
    const { store } = open()
    store.put('k', 0, 1, 0)
    store.committed()
    store.put('k', 1000, 2, 1)
    expect(store.get('k', 0)).toBeUndefined()
    store.rollback()
    expect(store.get('k', 0)).toMatchObject({ value: 1 })
  })

  it.each(vectors<WindowedVector>('windowed-keys').filter(each => each.timeWindow.seq === 0))(
    'logs the key $key at $start as Kafka Streams does',
    vector => {
      const { task, store } = open()
      store.put(vector.key, vector.start, 1, 0)
      expect(task.logged[0]!.key.toString('hex')).toBe(vector.timeWindow.storeKeyHex)
      const { store: restored } = open()
      restored.restore(hex(vector.timeWindow.storeKeyHex), Buffer.from('7'), 5, [])
      expect(restored.get(vector.key, vector.start)).toMatchObject({ value: 7, timestamp: 5 })
    },
  )

  it('reads the keys of a window in the order of their bytes', () => {
    const { store } = open()
    for (const key of unevenKeys.toReversed()) store.put(key, 100, 1, 0)
    const inOrder = [...unevenKeys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect([...store.fetchAll(100, 100)].map(([key]) => key)).toEqual(inOrder)
    expect([...store.backwardFetchAll(0, 200)].map(([key]) => key)).toEqual(inOrder.toReversed())
  })

  it('is read while it is written: what comes behind is met, what is gone is not', () => {
    const { store } = open()
    for (const start of [110, 120, 130]) store.put('k', start, start, 0)
    const met: number[] = []
    for (const [start] of store.fetch('k', 100, 200)) {
      met.push(start)
      if (start === 110) {
        store.put('k', 110, null, 0)
        store.put('k', 120, null, 0)
        store.put('k', 135, 1, 0)
      }
    }
    expect(met).toEqual([110, 130, 135])
    const back: number[] = []
    for (const [start] of store.backwardFetch('k', 100, 200)) {
      back.push(start)
      if (start === 135) {
        store.put('k', 130, null, 0)
        store.put('k', 132, 1, 0)
      }
    }
    expect(back).toEqual([135, 132])
  })

  it('puts back the windows of a key that were there, with those that were not', () => {
    const { store } = open()
    const starts = () => [...store.fetch('k', 0, 1000)].map(([start, row]) => [start, row.value])
    for (let start = 100; start < 130; start++) store.put('k', start, start, 0)
    store.committed()
    const before = starts()
    for (let start = 100; start < 130; start += 2) store.put('k', start, null, 1)
    for (let start = 101; start < 130; start += 2) store.put('k', start, -1, 1)
    for (let start = 100; start < 110; start += 2) store.put('k', start, -2, 1)
    store.put('l', 129, 1, 1)
    expect(store.uncommitted).toBeGreaterThanOrEqual(31)
    store.rollback()
    expect([starts(), [...store.fetch('l', 0, 1000)], store.uncommitted]).toEqual([before, [], 0])
  })

  it('holds very many windows of one key, in whatever order they come and go', () => {
    const { store } = open(10_000)
    const starts = (from: number, to: number) => Array.from(store.fetch('k', from, to), ([start]) => start)
    const backward = (from: number, to: number) => Array.from(store.backwardFetch('k', from, to), ([start]) => start)
    const all = Array.from({ length: 2000 }, (_, i) => i)
    for (const i of all) store.put('k', (i * 811) % 2000, i, 0)
    store.committed()
    expect([starts(0, 5000), backward(0, 5000)]).toEqual([all, all.toReversed()])
    expect([starts(700, 702), backward(-5, 2), store.get('k', 1234)?.value]).toEqual([[700, 701, 702], [2, 1, 0], expect.any(Number)])
    for (const i of all) if (i % 3 > 0) store.put('k', i, null, 1)
    const third = all.filter(i => i % 3 === 0)
    expect([starts(0, 5000), backward(0, 5000)]).toEqual([third, third.toReversed()])
    store.rollback()
    expect(starts(0, 5000)).toEqual(all)
    store.put('l', 11_500, 1, 2)
    expect(starts(0, 5000)).toEqual(all.slice(1501))
    store.committed()
    expect([store.size, starts(0, 5000), backward(0, 1600).length]).toEqual([500, all.slice(1501), 100])
    for (const i of all) store.put('k', i, null, 3)
    expect([starts(0, 5000), store.get('k', 1999), store.size]).toEqual([[], undefined, 1])
    store.put('k', 1800, 7, 4)
    expect(backward(0, 5000)).toEqual([1800])
  })

  it('forgets everything when cleared', () => {
    const { store } = open()
    store.put('k', 100, 1, 0)
    store.clear()
    expect([store.size, store.uncommitted, store.put('k', 0, 1, 0)]).toEqual([0, 0, true])
  })
})
