import { type Row, type Serde, type WindowStore, windowStore, windowStoreByKey } from '@riacho/streams'
import fc from 'fast-check'
import { byKey, keys, StoreFixture, type StoreTest, serdes, type Turn, walked } from './store-fixture.ts'

const retention = 30

interface Put {
  readonly key: string
  readonly start: number
  readonly value: string | null
  readonly timestamp: number
  readonly kept: boolean
}

interface Write {
  readonly key: string
  readonly start: number
  readonly value: string | null
}

type Step =
  | (Write & { readonly do: 'put' })
  | { readonly do: Turn }
  | { readonly do: 'read'; readonly key: string; readonly from: number; readonly to: number }
  | {
      readonly do: 'walk'
      readonly backward: boolean
      readonly from: number
      readonly writes: readonly (Write & { readonly after: number })[]
    }

const few = keys.slice(0, 8)
const write = {
  key: fc.constantFrom(...few),
  start: fc.nat(12).map(n => n * 10),
  value: fc.oneof(fc.constant(null), fc.nat(99).map(String), fc.constant('long '.repeat(100))),
}
const time = fc.oneof(fc.integer({ min: -20, max: 140 }), fc.constantFrom(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY))
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('put' as const), ...write }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('commit' as const, 'rollback' as const, 'restart' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), key: write.key, from: time, to: time }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('walk' as const),
      backward: fc.boolean(),
      from: time,
      writes: fc.array(fc.record({ after: fc.nat(8), ...write }), { maxLength: 8, size: 'max' }),
    }),
  },
)

type Entry = readonly [string, number, Row<string>]

const timeOf = (done: readonly Put[]): number => Math.max(-1, ...done.map(each => each.start))
const inOrder = (a: Entry, b: Entry): number => a[1] - b[1] || byKey(a[0], b[0])

/** The last kept put of each key and start that is not expired, those that delete left out, by start and key. */
function shown(done: readonly Put[]): Entry[] {
  const last = new Map(done.filter(each => each.kept).map(each => [`${each.start} ${each.key}`, each]))
  return [...last.values()]
    .filter(each => each.value !== null && each.start > timeOf(done) - retention)
    .map(({ key, start, value, timestamp }): Entry => [key, start, { value: value!, timestamp }])
    .sort(inOrder)
}

/** A store that is stepped through. */
class Trial {
  readonly #of: StoreFixture<WindowStore<string, string>, Put>
  readonly #expect: StoreTest['expect']

  constructor({ open, expect }: StoreTest, declared: typeof windowStore, serde: Serde<string>) {
    this.#of = new StoreFixture(declared('rows', { key: serde, value: serde, retention }), open)
    this.#expect = expect
  }

  take(step: Step): void {
    if (step.do === 'put') this.#put(step)
    else if (step.do === 'read') this.#read(step)
    else if (step.do === 'walk') this.#walk(step)
    else this.#of[step.do]()
  }

  /** All that can be read is what the list says. */
  check(): void {
    const { store, done, logged } = this.#of
    const rows = shown(done)
    this.#expect([...store.entries()]).toEqual(rows)
    for (const key of few)
      for (let start = 0; start <= 120; start += 10)
        this.#expect(store.get(key, start)).toEqual(rows.find(row => row[0] === key && row[1] === start)?.[2])
    this.#expect(store.size >= rows.length).toBe(true)
    this.#expect(logged.map(({ value, timestamp }) => [value?.toString() ?? null, timestamp])).toEqual(
      done.map(({ value, timestamp }) => [value, timestamp]),
    )
  }

  close(): void {
    this.#of.close()
  }

  #put({ key, start, value }: Write): void {
    const { store, done } = this.#of
    const before = this.#of.drops
    const timestamp = done.length
    const kept = start > Math.max(timeOf(done), start) - retention
    this.#expect(store.put(key, start, value, timestamp)).toBe(kept)
    this.#expect(this.#of.drops - before).toBe(kept ? 0 : 1)
    done.push({ key, start, value, timestamp, kept })
  }

  #read({ key, from, to }: Extract<Step, { do: 'read' }>): void {
    const { store, done } = this.#of
    const rows = shown(done).filter(([, start]) => start >= from && start <= to)
    const ofKey = rows.filter(row => row[0] === key).map(([, start, row]) => [start, row])
    this.#expect([...store.fetch(key, from, to)]).toEqual(ofKey)
    this.#expect([...store.backwardFetch(key, from, to)]).toEqual(ofKey.toReversed())
    this.#expect([...store.fetchAll(from, to)]).toEqual(rows)
    this.#expect([...store.backwardFetchAll(from, to)]).toEqual(rows.toReversed())
  }

  /** Rows that nobody touches meanwhile, and that do not expire, come all, in order. */
  #walk({ backward, from, writes }: Extract<Step, { do: 'walk' }>): void {
    const { store, done } = this.#of
    const before = shown(done).filter(([, start]) => start >= from)
    const touched = new Set(writes.map(({ key, start }) => `${start} ${key}`))
    const rows = backward ? store.backwardFetchAll(from, Number.POSITIVE_INFINITY) : store.fetchAll(from, Number.POSITIVE_INFINITY)
    const seen = walked(
      rows,
      writes.map(({ after, ...write }) => ({ after, write: () => this.#put(write) })),
    )
    const visible = timeOf(done) - retention
    const quiet = ([key, start]: Entry): boolean => !touched.has(`${start} ${key}`) && start > visible
    this.#expect(seen.filter(quiet)).toEqual((backward ? before.toReversed() : before).filter(quiet))
  }
}

function play(test: StoreTest, declared: typeof windowStore, serde: Serde<string>, steps: readonly Step[]): void {
  const trial = new Trial(test, declared, serde)
  try {
    for (const step of steps) trial.take(step)
    trial.check()
    for (const turn of ['rollback', 'restart'] as const) {
      trial.take({ do: turn })
      trial.check()
    }
  } finally {
    trial.close()
  }
}

const layouts = { 'windows by start': windowStore, 'windows by key': windowStoreByKey }

/** Window stores of both layouts: random steps against a list. */
export const windowTests: Readonly<Record<string, (test: StoreTest) => void>> = Object.fromEntries(
  Object.entries(layouts).flatMap(([layout, declared]) =>
    Object.entries(serdes).map(([name, serde]) => [
      `${layout}, ${name}: whatever is done, all reads show what a list of it says`,
      (test: StoreTest) =>
        fc.assert(fc.property(fc.array(step, { maxLength: 100, size: 'max' }), steps => play(test, declared, serde, steps))),
    ]),
  ),
)
