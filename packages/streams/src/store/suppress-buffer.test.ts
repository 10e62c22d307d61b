import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Change, Windowed } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { json } from '../serde/json.ts'
import { text } from '../serde/text.ts'
import { decodeBufferValue } from '../wire/buffer-value.ts'
import { sessionKey } from '../wire/session-key.ts'
import { windowedKey } from '../wire/windowed-key.ts'
import { LoggingTask, unevenKeys } from './logged.fixture.ts'
import { type SuppressBuffer, suppressBuffer } from './suppress-buffer.ts'

const value = json<number>()
const trace = [['trace', Uint8Array.of(116)]] as const
const at = { topic: 'in', partition: 0, offset: 7 }

const open = <K>(key: Serde<K>, counted = true): { task: LoggingTask; store: SuppressBuffer<K, number> } => {
  const task = new LoggingTask()
  const store = suppressBuffer<K, number>('s', { key, value, counted }).create(task)
  store.stampedBy(() => 99)
  return { task, store }
}

const change = <K>(key: K, to: number | null, previous: number | null, timestamp = 5): Change<K, number> => ({
  key,
  value: to,
  previous,
  timestamp,
  headers: trace,
  latest: true,
})

interface Row<K> {
  readonly key: K
  readonly time: number
  readonly prior: number | null
  readonly change: Change<K, number>
}

/** What waits, as a list that is searched and sorted each time. */
class Model<K> {
  rows: Row<K>[] = []
  committed: Row<K>[] = []
  readonly #bytes: (key: K) => Buffer

  constructor(serde: Serde<K>) {
    this.#bytes = key => Buffer.from(serde.encode(key))
  }

  row(key: K): Row<K> | undefined {
    return this.rows.find(row => this.#bytes(row.key).equals(this.#bytes(key)))
  }

  put(time: number, next: Change<K, number>): void {
    const { key } = next
    const found = this.row(key)
    const row = { key, time: found?.time ?? time, prior: found === undefined ? (next.previous ?? null) : found.prior, change: next }
    this.rows = [...this.rows.filter(each => each !== found), row].sort(
      (a, b) => a.time - b.time || Buffer.compare(this.#bytes(a.key), this.#bytes(b.key)),
    )
  }

  bytes(): number {
    const length = (n: number | null | undefined): number => (n == null ? 0 : String(n).length)
    return this.rows.reduce((sum, { key, prior, change: { previous, value: to } }) => {
      const values = length(prior) + (prior === previous ? 0 : length(previous)) + length(to)
      return sum + 8 + this.#bytes(key).length + values + 20 + 'in'.length + 'trace'.length + 1
    }, 0)
  }
}

type Step =
  | { readonly do: 'put'; readonly key: number; readonly time: number; readonly value: number | null; readonly previous: number | null }
  | { readonly do: 'shift' | 'flush' | 'commit' | 'rollback' | 'restart' }
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      key: fc.nat(11),
      time: fc.nat(4),
      value: fc.option(fc.nat(99)),
      previous: fc.option(fc.nat(9)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('shift' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('flush', 'commit', 'rollback', 'restart') }) },
) as fc.Arbitrary<Step>

/** Plays steps on a buffer and on the model, and compares all that can be seen. */
function play<K>(serde: Serde<K>, keyOf: (n: number) => K, steps: readonly Step[]): void {
  let { task, store } = open(serde)
  let logged = task.logged
  let safe = 0
  const model = new Model(serde)
  for (const each of steps) {
    if (each.do === 'put') {
      const next = change(keyOf(each.key), each.value, each.previous)
      store.put(each.time, next, at)
      model.put(each.time, next)
    } else if (each.do === 'shift') {
      store.shift()
      model.rows = model.rows.slice(1)
    } else if (each.do === 'flush') store.flush()
    else if (each.do === 'commit') {
      store.flush()
      store.committed()
      model.committed = model.rows
      safe = logged.length
      expect([store.pending, store.uncommitted]).toEqual([0, 0])
    } else {
      model.rows = model.committed
      logged.length = safe
      if (each.do === 'rollback') store.rollback()
      else {
        ;({ task, store } = open(serde))
        for (const line of logged) store.restore(line.key, line.value, line.timestamp, line.headers)
        store.committed()
        task.logged.push(...logged)
        logged = task.logged
      }
      expect([store.pending, store.uncommitted]).toEqual([0, 0])
    }
    const [first] = model.rows
    expect([store.size, store.bytes, store.time]).toEqual([model.rows.length, model.bytes(), first?.time ?? Number.POSITIVE_INFINITY])
    expect(store.first()?.change).toEqual(first?.change)
    for (let n = 0; n < 12; n++) expect(store.prior(keyOf(n))).toBe(model.row(keyOf(n))?.prior)
  }
}

const windowOf = (n: number): Windowed<string> => ({
  key: unevenKeys[n % 4]!,
  start: Math.floor(n / 4) * 7,
  end: Math.floor(n / 4) * 7 + 10,
})
/** Sessions of which several of a key end together. */
const sessionOf = (n: number): Windowed<string> => ({ key: unevenKeys[n % 2]!, start: n >> 2, end: 20 + (n & 2) })

it.each<[string, (steps: readonly Step[]) => void]>([
  ['texts', steps => play(text, n => `${unevenKeys[n % 9]!}${n}`, steps)],
  ['objects', steps => play(json<{ n: number }>(), n => ({ n }), steps)],
  ['windows', steps => play(windowedKey(text, 10), windowOf, steps)],
  ['sessions', steps => play(sessionKey(text), sessionOf, steps)],
])('keeps, orders, commits, puts back and restores what waits by %s', (_name, run) => {
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), run), { numRuns: 60 })
})

const key = windowedKey(text, 10)
const w = (name: string, start = 0): Windowed<string> => ({ key: name, start, end: start + 10 })

it('logs nothing before the flush, then each key once, as it is then', () => {
  const { task, store } = open(key)
  store.put(10, change(w('a'), 1, 0), at)
  store.put(10, change(w('a'), 2, 1), at)
  store.put(20, change(w('b', 10), 3, null), null)
  expect([task.logged, store.pending]).toEqual([[], 2])
  store.flush()
  const shown = task.logged.map(({ key: raw, value: bytes, timestamp, headers }) => {
    const { context, prior, previous, value: to, time } = decodeBufferValue(bytes!, 3, { timestamp, headers: [] }, undefined)
    return [key.decode(raw).key, [prior, previous, to].map(each => each && String(each)), time, context, timestamp, headers]
  })
  const version = [['v', Uint8Array.of(3)]]
  expect(shown.sort()).toEqual([
    ['a', ['0', '1', '2'], 10, { ...at, timestamp: 5, headers: expect.anything() }, 99, version],
    ['b', [null, null, '3'], 20, { topic: '', partition: -1, offset: -1, timestamp: 5, headers: expect.anything() }, 99, version],
  ])
  store.flush()
  expect(task.logged).toHaveLength(2)
})

it('logs a deletion of what was taken out, without a version, and none of what came again', () => {
  const { task, store } = open(text)
  store.put(1, change('a', 1, null), at)
  store.put(1, change('b', 1, null), at)
  store.shift()
  store.shift()
  store.put(9, change('b', 2, 1), at)
  store.flush()
  expect(task.logged.map(line => [String(line.key), line.value === null, line.headers.length])).toEqual([
    ['a', true, 0],
    ['b', false, 1],
  ])
})

it('restores old versions, and each place as it was logged last', () => {
  const { store } = open(text, false)
  const long = (n: number): Buffer => Buffer.from(n.toString(16).padStart(16, '0'), 'hex')
  const sized = (raw: string): Buffer => Buffer.concat([long(raw.length).subarray(4), Buffer.from(raw)])
  const version0 = (time: number, from: string, to: string): Buffer => Buffer.concat([long(time), sized(from), sized(to)])
  store.restore(Buffer.from('a'), version0(3, '1', '2'), 50, [])
  store.restore(Buffer.from('a'), version0(9, '2', '4'), 60, [])
  expect([store.time, store.prior('a'), store.bytes]).toEqual([9, 1, 0])
  expect(store.first()).toMatchObject({ change: { value: 4, previous: 2, timestamp: 60 }, position: null })
  store.restore(Buffer.from('a'), null, 70, [])
  expect(store.size).toBe(0)
})

it('restores the place of a key that was taken out and came again between two commits', () => {
  const { task, store } = open(text)
  store.put(1, change('a', 1, null), at)
  store.flush()
  store.shift()
  store.put(9, change('a', 2, 1), at)
  store.flush()
  const again = open(text).store
  for (const { key: raw, value: bytes, timestamp, headers } of task.logged) again.restore(raw, bytes, timestamp, headers)
  expect([again.time, again.prior('a')]).toEqual([9, 1])
})

it('is empty when cleared', () => {
  const { store } = open(text)
  store.put(1, change('a', 1, null), at)
  store.clear()
  store.rollback()
  expect([store.size, store.bytes, store.pending, store.uncommitted, store.time]).toEqual([0, 0, 0, 0, Number.POSITIVE_INFINITY])
})
