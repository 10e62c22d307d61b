import { type KeyValueStore, keyValueStore, type Row, type Serde } from '@riacho/streams'
import fc from 'fast-check'
import { byKey, keys, StoreFixture, type StoreTest, serdes, type Turn, walked } from './store-fixture.ts'

interface Put {
  readonly key: string
  readonly value: string | null
  readonly timestamp: number
}

type Step =
  | { readonly do: 'put'; readonly key: string; readonly value: string | null }
  | { readonly do: Turn }
  | { readonly do: 'read'; readonly from: string | null; readonly to: string | null; readonly prefix: string }
  | { readonly do: 'walk'; readonly from: string | null; readonly backward: boolean; readonly writes: readonly Write[] }

interface Write {
  readonly after: number
  readonly key: string
  readonly value: string | null
}

const key = fc.constantFrom(...keys)
const value = fc.oneof(fc.constant(null), fc.nat(99).map(String), fc.constant(''), fc.constant('long '.repeat(100)))
const bound = fc.oneof(fc.constant(null), key)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('put' as const), key, value }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('commit' as const, 'rollback' as const, 'restart' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      from: bound,
      to: bound,
      prefix: fc.constantFrom('', '\0', 'a', 'a\0', 'é', 'no'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('walk' as const),
      from: bound,
      backward: fc.boolean(),
      writes: fc.array(fc.record({ after: fc.nat(8), key, value }), { maxLength: 8, size: 'max' }),
    }),
  },
)

type Entry = readonly [string, Row<string>]

/** The last put of each key, those that delete left out, in the order of the keys. */
function shown(done: readonly Put[]): Entry[] {
  const last = new Map(done.map(each => [each.key, each]))
  return [...last.values()]
    .filter(each => each.value !== null)
    .sort((a, b) => byKey(a.key, b.key))
    .map(({ key, value, timestamp }) => [key, { value: value!, timestamp }])
}

const between = (rows: readonly Entry[], from: string | null, to: string | null): Entry[] =>
  rows.filter(([key]) => (from === null || byKey(key, from) >= 0) && (to === null || byKey(key, to) <= 0))

/** A store that is stepped through. */
class Trial {
  readonly #of: StoreFixture<KeyValueStore<string, string>, Put>
  readonly #expect: StoreTest['expect']

  constructor({ open, expect }: StoreTest, serde: Serde<string>) {
    this.#of = new StoreFixture(keyValueStore('rows', { key: serde, value: serde }), open)
    this.#expect = expect
  }

  take(step: Step): void {
    if (step.do === 'put') this.#put(step.key, step.value)
    else if (step.do === 'read') this.#read(step)
    else if (step.do === 'walk') this.#walk(step)
    else this.#of[step.do]()
  }

  /** All that can be read is what the list says. */
  check(): void {
    const { store, done, logged } = this.#of
    const rows = shown(done)
    const of = new Map(rows)
    for (const key of keys) this.#expect(store.get(key)).toEqual(of.get(key))
    this.#expect([...store.entries()]).toEqual(rows)
    this.#expect([...store.reverseEntries()]).toEqual(rows.toReversed())
    this.#expect(store.size).toBe(rows.length)
    const written = done.map(({ key, value, timestamp }) => ({
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      timestamp,
    }))
    this.#expect(logged).toEqual(written)
  }

  close(): void {
    this.#of.close()
  }

  #put(key: string, value: string | null): void {
    const timestamp = this.#of.done.length
    this.#of.store.put(key, value, timestamp)
    this.#of.done.push({ key, value, timestamp })
  }

  #read({ from, to, prefix }: Extract<Step, { do: 'read' }>): void {
    const { store, done } = this.#of
    const rows = between(shown(done), from, to)
    this.#expect([...store.range(from, to)]).toEqual(rows)
    this.#expect([...store.reverseRange(from, to)]).toEqual(rows.toReversed())
    const begins = shown(done).filter(([key]) => key.startsWith(prefix))
    this.#expect([...store.prefix(Buffer.from(prefix))]).toEqual(begins)
  }

  /** Each step shows what is there then: those that nobody touches come all, in order. */
  #walk({ from, backward, writes }: Extract<Step, { do: 'walk' }>): void {
    const { store, done } = this.#of
    const before = between(shown(done), from, null)
    const touched = new Set(writes.map(({ key }) => key))
    const rows = backward ? store.reverseRange(from, null) : store.range(from, null)
    const seen = walked(
      rows,
      writes.map(({ after, key, value }) => ({ after, write: () => this.#put(key, value) })),
    )
    const order = seen.map(([key]) => key)
    this.#expect(order).toEqual([...new Set(order)].sort((a, b) => (backward ? byKey(b, a) : byKey(a, b))))
    const quiet = ([key]: Entry): boolean => !touched.has(key)
    this.#expect(seen.filter(quiet)).toEqual((backward ? before.toReversed() : before).filter(quiet))
  }
}

function play(test: StoreTest, serde: Serde<string>, steps: readonly Step[]): void {
  const trial = new Trial(test, serde)
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

/** Key-value stores: random steps against a list. */
export const keyValueTests: Readonly<Record<string, (test: StoreTest) => void>> = Object.fromEntries(
  Object.entries(serdes).map(([name, serde]) => [
    `key-value, ${name}: whatever is done, all reads show what a list of it says`,
    (test: StoreTest) => fc.assert(fc.property(fc.array(step, { maxLength: 100, size: 'max' }), steps => play(test, serde, steps))),
  ]),
)
