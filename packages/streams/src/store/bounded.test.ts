import fc from 'fast-check'
import { expect, it } from 'vitest'
import { text } from '../serde/text.ts'
import { keyValueStore, timedStore } from './key-value.ts'
import { LoggingTask } from './logged.fixture.ts'

const step = fc.record({
  do: fc.oneof(
    { weight: 6, arbitrary: fc.constant('put' as const) },
    fc.constantFrom('get' as const, 'committed' as const, 'rollback' as const, 'restart' as const),
  ),
  key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  value: fc.oneof({ weight: 5, arbitrary: fc.constantFrom('x', 'y') }, fc.constant(null)),
  at: fc.nat(60),
})

it('rows live for their time, deleted in the changelog too', () => {
  const ttl = 10
  const spec = keyValueStore('s', { key: text, value: text, ttl })
  const law = fc.property(fc.array(step, { maxLength: 60 }), steps => {
    let task = new LoggingTask()
    let store = spec.create(task)
    let puts: { key: string; value: string | null; at: number }[] = []
    let committed = 0
    let logged = 0
    for (const { do: what, key, value, at } of steps) {
      if (what === 'put') {
        store.put(key, value, at)
        puts.push({ key, value, at })
      } else if (what === 'rollback') {
        store.rollback()
        puts = puts.slice(0, committed)
        task.logged.length = logged
      } else if (what !== 'get') {
        store.committed()
        committed = puts.length
        logged = task.logged.length
      }
      if (what === 'restart') {
        const before = task.logged
        task = new LoggingTask()
        store = spec.create(task)
        for (const { key, value, timestamp } of before) store.restore(key, value, timestamp, [])
        task.logged.push(...before)
        store.committed()
      }
      const rows = new Map<string, string>()
      const times = new Map<string, number>()
      let time = -1
      for (const put of puts) {
        time = Math.max(time, put.at)
        if (put.value === null) times.delete(put.key)
        else if (put.at > time - ttl) {
          rows.set(put.key, put.value)
          times.set(put.key, put.at)
        }
      }
      const live = [...times].filter(([, at]) => at > time - ttl).sort(([a], [b]) => (a < b ? -1 : 1))
      expect([...store.entries()].map(([key, row]) => [key, row.value, row.timestamp])).toEqual(
        live.map(([key, at]) => [key, rows.get(key), at]),
      )
      expect(store.size).toBe(live.length)
      expect(store.get(key)?.timestamp).toBe(live.find(([each]) => each === key)?.[1])
    }
  })
  fc.assert(law, { numRuns: 200 })
})

it('the changelog of rows that expire holds their tombstones, and late rows are dropped', () => {
  const task = new LoggingTask()
  const store = keyValueStore('s', { key: text, value: text, ttl: 10 }).create(task)
  store.put('a', 'x', 1)
  store.put('b', 'y', 11)
  store.put('c', 'z', 1)
  expect(task.logged.map(({ key, value, timestamp }) => [String(key), value && String(value), timestamp])).toEqual([
    ['a', 'x', 1],
    ['a', null, 11],
    ['b', 'y', 11],
  ])
  expect(task.dropped).toEqual(['expired'])
})

it('holds so many rows and deletes the one that was used longest ago', () => {
  const task = new LoggingTask()
  const spec = keyValueStore('s', { key: text, value: text, recordsMax: 2 })
  const store = spec.create(task)
  store.put('a', '1', 1)
  store.put('b', '2', 2)
  store.get('a')
  store.put('c', '3', 3)
  expect([...store.entries()].map(([key]) => key)).toEqual(['a', 'c'])
  expect(task.logged.slice(2).map(({ key, value }) => [String(key), value && String(value)])).toEqual([
    ['c', '3'],
    ['b', null],
  ])
  const restored = spec.create(new LoggingTask())
  for (const { key, value, timestamp } of task.logged) restored.restore(key, value, timestamp, [])
  restored.put('d', '4', 4)
  expect([...restored.entries()].map(([key]) => key)).toEqual(['c', 'd'])
  store.committed()
  store.put('e', '5', 5)
  store.rollback()
  expect([...store.entries()].map(([key]) => key)).toEqual(['a', 'c'])
  store.put('f', '6', 6)
  store.put('g', '7', 7)
  expect([...store.entries()].map(([key]) => key)).toEqual(['f', 'g'])
})

it('after a rollback what was used longest ago still goes first, whatever its key', () => {
  const store = keyValueStore('s', { key: text, value: text, recordsMax: 2 }).create(new LoggingTask())
  store.put('b', '1', 1)
  store.put('a', '2', 2)
  store.committed()
  store.put('c', '3', 3)
  store.rollback()
  store.put('d', '4', 4)
  expect([...store.entries()].map(([key]) => key)).toEqual(['a', 'd'])
})

it('rows that have expired or came too late take no room from others', () => {
  const store = keyValueStore('s', { key: text, value: text, ttl: 10, recordsMax: 2 }).create(new LoggingTask())
  store.put('lives', '1', 100)
  store.put('late', '2', 95)
  store.put('new', '3', 105)
  store.put('too late', '4', 90)
  expect([...store.entries()].map(([key]) => key)).toEqual(['lives', 'new'])
})

it('knows the least time without putting keys in order, which costs most where keys are long and alike', () => {
  let written = 0
  const counting = {
    ...text,
    text: (key: string) => {
      written++
      return key
    },
  }
  const store = timedStore('s', { key: counting, value: text }).create(new LoggingTask())
  for (let i = 0; i < 1000; i++) {
    store.put(`key ${(i * 7) % 1000}`, 'x', i)
    store.due(i - 100)
  }
  expect(written).toBe(1000)
})

it('refuses bounds that make no sense', () => {
  expect(() => keyValueStore('s', { key: text, value: text, ttl: 0 })).toThrow('ttl is a whole number above 0')
  expect(() => keyValueStore('s', { key: text, value: text, recordsMax: 0.5 })).toThrow('recordsMax is')
})

it('tells the row with the least time, also after rows moved, went and came back', () => {
  const law = fc.property(fc.array(step, { maxLength: 80 }), steps => {
    const store = timedStore('s', { key: text, value: text }).create(new LoggingTask())
    let rows = new Map<string, number>()
    let committed = new Map(rows)
    for (const { do: what, key, value, at } of steps) {
      if (what === 'put') store.put(key, value, at)
      if (what === 'put' && value === null) rows.delete(key)
      if (what === 'put' && value !== null) rows.set(key, at)
      if (what === 'committed') {
        store.committed()
        committed = new Map(rows)
      }
      if (what === 'rollback') {
        store.rollback()
        rows = new Map(committed)
      }
      const first = [...rows].filter(each => each[1] <= at).sort(([a, s], [b, t]) => s - t || (a < b ? -1 : 1))[0]
      expect(store.due(at)).toBe(first?.[0])
    }
  })
  fc.assert(law, { numRuns: 200 })
})
