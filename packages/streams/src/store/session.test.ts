import fc from 'fast-check'
import { expect, it } from 'vitest'
import { json } from '../serde/json.ts'
import { int64 } from '../serde/numbers.ts'
import { text } from '../serde/text.ts'
import { hex, vectors } from '../wire/vectors.fixture.ts'
import { LoggingTask, unevenKeys } from './logged.fixture.ts'
import { sessionStore } from './session.ts'

const open = (retention = 30) => {
  const task = new LoggingTask()
  return { task, store: sessionStore('s', { key: text, value: json<number>(), retention }).create(task) }
}
type Opened = ReturnType<typeof open>

interface Write {
  readonly do: 'put' | 'remove'
  readonly key: number
  readonly end: number
  readonly length: number
  readonly value: number | null
}
type Step = Write | { readonly do: 'committed' | 'rollback' | 'restart' }
const write = fc.record({
  do: fc.constantFrom('put' as const, 'put' as const, 'remove' as const),
  key: fc.nat(unevenKeys.length - 1),
  end: fc.nat(11).map(n => n * 5),
  length: fc.nat(2),
  value: fc.option(fc.nat(99)),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: write },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('committed' as const, 'rollback' as const, 'restart' as const) }) },
)

type Shown = readonly [key: string, start: number, end: number, value: number]
const startOf = ({ end, length }: Write): number => Math.max(0, end - length)
const timeOf = (all: readonly Write[]): number => Math.max(-1, ...all.filter(each => each.do === 'put').map(each => each.end))
const bytes = (key: string): Buffer => Buffer.from(key)

/** What a store shows after these writes: the last of each session, unless that deletes it, it came too late, or it has expired since. */
function shown(all: readonly Write[], retention: number): readonly Shown[] {
  const last = new Map<string, Write>()
  all.forEach((each, i) => {
    if (each.do === 'put' && each.end <= timeOf(all.slice(0, i + 1)) - retention) return
    last.set(`${each.key} ${startOf(each)} ${each.end}`, each)
  })
  return [...last.values()]
    .filter(each => each.do === 'put' && each.value !== null && each.end > timeOf(all) - retention)
    .map(each => [unevenKeys[each.key]!, startOf(each), each.end, each.value!] as const)
    .sort((a, b) => a[2] - b[2] || Buffer.compare(bytes(a[0]), bytes(b[0])) || b[1] - a[1])
}

/** Whoever removes a session has found it: after a restart its deletion stands for it, with its end. */
const canRemove = (all: readonly Write[], { key, end, length }: Write): boolean =>
  all.some(each => each.do === 'put' && each.key === key && each.end === end && startOf(each) === Math.max(0, end - length))

function apply({ store }: Opened, step: Write, timestamp: number): boolean | undefined {
  const at = [unevenKeys[step.key]!, startOf(step), step.end] as const
  if (step.do === 'put') return store.put(...at, step.value, timestamp)
  store.remove(...at, timestamp)
  return undefined
}

function compare({ store }: Opened, rows: readonly Shown[]): void {
  expect([...store.entries()].map(([key, { start, end, value }]) => [key, start, end, value])).toEqual(rows)
  expect([...store.findEnded(10, 40)].map(([key, { end }]) => [key, end])).toEqual(
    rows.filter(([, , end]) => end >= 10 && end <= 40).map(([key, , end]) => [key, end]),
  )
  for (const key of unevenKeys) {
    const own = rows.filter(row => row[0] === key)
    expect(store.fetch(key).map(({ start, end, value }) => [key, start, end, value])).toEqual(own)
    const near = own.filter(([, start, end]) => end >= 20 && start <= 30)
    expect(store.findSessions(key, 20, 30).map(({ start, end }) => [start, end])).toEqual(near.map(row => [row[1], row[2]]))
    for (const [, start, end, value] of own) expect(store.fetchSession(key, start, end)).toBe(value)
    expect(store.fetchSession(key, 100, 100)).toBeUndefined()
  }
}

it.each([30, 20_000])('keeps, deletes, expires, commits, puts back and restores sessions (retention %d)', retention => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      let opened = open(retention)
      let all: Write[] = []
      let committed = 0
      steps.forEach((step, timestamp) => {
        if (step.do === 'remove' && !canRemove(all, step)) return
        if (step.do === 'put' || step.do === 'remove') {
          const kept = step.end > Math.max(timeOf(all), step.end) - retention
          expect(apply(opened, step, timestamp)).toBe(step.do === 'put' ? kept : undefined)
          all.push(step)
        } else if (step.do === 'rollback') {
          opened.store.rollback()
          all = all.slice(0, committed)
          opened.task.logged.length = committed
        } else {
          opened.store.committed()
          committed = all.length
          expect(opened.store.uncommitted).toBe(0)
        }
        if (step.do === 'restart') {
          const { logged } = opened.task
          opened = open(retention)
          for (const { key, value, timestamp } of logged) opened.store.restore(key, value, timestamp, [])
          opened.task.logged.push(...logged)
        }
        compare(opened, shown(all, retention))
      })
    }),
    { numRuns: 100 },
  )
})

it('logs an expired session, drops it, and says so', () => {
  const { task, store } = open()
  store.put('k', 90, 100, 1, 0)
  expect(store.put('k', 0, 70, 2, 1)).toBe(false)
  expect(store.put('k', 0, 71, 3, 2)).toBe(true)
  store.remove('k', 5, 6, 3)
  expect(task.dropped).toEqual(['expired'])
  expect(task.logged.map(({ value, timestamp }) => [value?.toString(), timestamp])).toEqual([
    ['1', 0],
    ['2', 1],
    ['3', 2],
    [undefined, 3],
  ])
})

it('frees expired sessions at a commit, and only then', () => {
  const { store } = open()
  for (let end = 0; end < 1000; end += 10) store.put('k', end, end, end, end)
  expect([store.size, store.uncommitted]).toEqual([100, 100])
  store.committed()
  expect([store.size, store.uncommitted]).toEqual([3, 0])
})

it('frees expired sessions while it is restored: a changelog holds a day more than a store', () => {
  const { task, store } = open()
  for (let end = 0; end < 1000; end += 10) store.put('k', end, end, end, end)
  const { store: restored } = open()
  for (const { key, value, timestamp } of task.logged) {
    restored.restore(key, value, timestamp, [])
    expect(restored.size).toBeLessThanOrEqual(3)
  }
  expect(restored.size).toBe(3)
})

it('remembers nothing for a session that grows between two commits', () => {
  const { store } = open()
  store.put('k', 0, 0, 0, 0)
  store.committed()
  for (let end = 1; end <= 20; end++) {
    store.remove('k', 0, end - 1, end)
    store.put('k', 0, end, end, end)
    expect([store.size, store.uncommitted]).toEqual([1, 1])
  }
  store.rollback()
  expect([...store.entries()]).toEqual([['k', { start: 0, end: 0, value: 0 }]])
})

it('puts its time back with its sessions', () => {
  const { store } = open()
  store.put('k', 0, 0, 1, 0)
  store.committed()
  store.put('k', 1000, 1000, 2, 1)
  expect(store.fetch('k').map(({ end }) => end)).toEqual([1000])
  store.rollback()
  expect(store.fetch('k')).toEqual([{ start: 0, end: 0, value: 1 }])
})

it('goes on where sessions are deleted and written while they are walked', () => {
  const { store } = open()
  for (let end = 0; end < 4; end++) store.put(`k${end}`, end, end, end, 0)
  const seen: string[] = []
  for (const [key] of store.findEnded(0, 3)) {
    seen.push(key)
    store.remove('k2', 2, 2, 0)
    store.put('new', 20, 20, 1, 0)
  }
  expect(seen).toEqual(['k0', 'k1', 'k3'])
})

interface SessionVector {
  readonly key: string
  readonly start: number
  readonly session: { readonly end: number; readonly storeKeyHex: string }
}
it.each(vectors<SessionVector>('windowed-keys'))(
  'logs the session of $key from $start on as Kafka Streams does',
  ({ key, start, session }) => {
    const { task, store } = open()
    store.put(key, start, session.end, 1, 0)
    expect(task.logged[0]!.key.toString('hex')).toBe(session.storeKeyHex)
    const { store: restored } = open()
    restored.restore(hex(session.storeKeyHex), Buffer.from('7'), 5, [])
    expect(restored.fetchSession(key, start, session.end)).toBe(7)
  },
)

it('keys that are numbers stand for themselves, and are ordered by their bytes', () => {
  const store = sessionStore('s', { key: int64, value: text, retention: 30 }).create(new LoggingTask())
  for (const key of [3, -1, 2]) store.put(key, 0, 5, `v${key}`, 0)
  expect([...store.entries()].map(([key]) => key)).toEqual([2, 3, -1])
  expect(store.fetch(3)).toEqual([{ start: 0, end: 5, value: 'v3' }])
})

it('forgets everything when cleared', () => {
  const { store } = open()
  store.put('k', 100, 100, 1, 0)
  store.clear()
  expect([store.size, store.uncommitted, store.put('k', 0, 0, 1, 0)]).toEqual([0, 0, true])
  expect(store.fetch('k')).toHaveLength(1)
})

it('refuses a name that is none, and a retention that is no time', () => {
  expect(() => sessionStore('a b', { key: text, value: text, retention: 1 })).toThrow('RIACHO_NAME')
  expect(() => sessionStore('s', { key: text, value: text, retention: Number.NaN })).toThrow(/RIACHO_OPTION.*the retention is/)
})
