import { type Serde, type SessionRow, type SessionStore, sessionStore } from '@riacho/streams'
import fc from 'fast-check'
import { byKey, keys, StoreFixture, type StoreTest, serdes, type Turn, walked } from './store-fixture.ts'

const retention = 30

interface Session {
  readonly key: string
  readonly start: number
  readonly end: number
}

/** What was done to a session: value null is a delete, `removed` one that moves no time. */
interface Write extends Session {
  readonly value: string | null
  readonly removed: boolean
}

interface Done extends Write {
  readonly timestamp: number
  readonly kept: boolean
}

type Step =
  | (Write & { readonly do: 'put' })
  | { readonly do: Turn }
  | { readonly do: 'read'; readonly key: string; readonly from: number; readonly to: number }
  | { readonly do: 'walk'; readonly from: number; readonly writes: readonly (Write & { readonly after: number })[] }

const few = keys.slice(0, 6)
const write: fc.Arbitrary<Write> = fc
  .record({
    key: fc.constantFrom(...few),
    start: fc.nat(8).map(n => n * 10),
    length: fc.nat(3).map(n => n * 10),
    value: fc.oneof(fc.constant(null), fc.nat(99).map(String), fc.constant('long '.repeat(100))),
    removed: fc.boolean(),
  })
  .map(({ key, start, length, value, removed }) => ({ key, start, end: start + length, value, removed: removed && value === null }))
const time = fc.integer({ min: 0, max: 140 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: write.map(each => ({ do: 'put' as const, ...each })) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('commit' as const, 'rollback' as const, 'restart' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), key: fc.constantFrom(...few), from: time, to: time }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('walk' as const),
      from: time,
      writes: fc.array(
        fc.tuple(fc.nat(8), write).map(([after, each]) => ({ after, ...each })),
        { maxLength: 8, size: 'max' },
      ),
    }),
  },
)

type Entry = readonly [string, SessionRow<string>]

const timeOf = (done: readonly Done[]): number => Math.max(-1, ...done.filter(each => !each.removed).map(each => each.end))
const nameOf = ({ key, start, end }: Session): string => `${start} ${end} ${key}`
const inOrder = (a: Entry, b: Entry): number => a[1].end - b[1].end || byKey(a[0], b[0]) || b[1].start - a[1].start

/** The last kept write of each session that is not expired, those that delete left out, by end, key, and the latest start first. */
function shown(done: readonly Done[]): Entry[] {
  const last = new Map(done.filter(each => each.kept).map(each => [nameOf(each), each]))
  return [...last.values()]
    .filter(each => each.value !== null && each.end > timeOf(done) - retention)
    .map(({ key, start, end, value }): Entry => [key, { start, end, value: value! }])
    .sort(inOrder)
}

/** A store that is stepped through. */
class Trial {
  readonly #of: StoreFixture<SessionStore<string, string>, Done>
  readonly #expect: StoreTest['expect']

  constructor({ open, expect }: StoreTest, serde: Serde<string>) {
    this.#of = new StoreFixture(sessionStore('rows', { key: serde, value: serde, retention }), open)
    this.#expect = expect
  }

  take(step: Step): void {
    if (step.do === 'put') this.#write(step)
    else if (step.do === 'read') this.#read(step)
    else if (step.do === 'walk') this.#walk(step)
    else this.#of[step.do]()
  }

  /** All that can be read is what the list says. */
  check(): void {
    const { store, done, logged } = this.#of
    const rows = shown(done)
    this.#expect([...store.entries()]).toEqual(rows)
    for (const key of few) this.#expect(store.fetch(key)).toEqual(rows.filter(row => row[0] === key).map(row => row[1]))
    for (const { key, start, end } of done) {
      const found = rows.find(row => row[0] === key && row[1].start === start && row[1].end === end)
      this.#expect(store.fetchSession(key, start, end)).toBe(found?.[1].value)
    }
    this.#expect(store.size >= rows.length).toBe(true)
    this.#expect(logged.map(({ value, timestamp }) => [value?.toString() ?? null, timestamp])).toEqual(
      done.map(({ value, timestamp }) => [value, timestamp]),
    )
  }

  close(): void {
    this.#of.close()
  }

  /** What was never put is not removed: a restart would take its end for one that was. */
  #write({ key, start, end, value, ...asked }: Write): void {
    const { store, done } = this.#of
    const removed = asked.removed && end <= timeOf(done)
    const before = this.#of.drops
    const timestamp = done.length
    const kept = removed || end > Math.max(timeOf(done), end) - retention
    if (removed) store.remove(key, start, end, timestamp)
    else this.#expect(store.put(key, start, end, value, timestamp)).toBe(kept)
    this.#expect(this.#of.drops - before).toBe(kept ? 0 : 1)
    done.push({ key, start, end, value, removed, timestamp, kept })
  }

  #read({ key, from, to }: Extract<Step, { do: 'read' }>): void {
    const { store, done } = this.#of
    const rows = shown(done)
    const touching = rows.filter(row => row[0] === key && row[1].end >= from && row[1].start <= to)
    this.#expect(store.findSessions(key, from, to)).toEqual(touching.map(row => row[1]))
    this.#expect([...store.findEnded(from, to)]).toEqual(rows.filter(([, { end }]) => end >= from && end <= to))
  }

  /** Sessions that nobody touches meanwhile, and that do not expire, come all, in order. */
  #walk({ from, writes }: Extract<Step, { do: 'walk' }>): void {
    const { store, done } = this.#of
    const before = shown(done).filter(([, { end }]) => end >= from)
    const touched = new Set(writes.map(nameOf))
    const seen = walked(
      store.findEnded(from, Number.MAX_SAFE_INTEGER),
      writes.map(({ after, ...each }) => ({ after, write: () => this.#write(each) })),
    )
    const visible = timeOf(done) - retention
    const quiet = ([key, { start, end }]: Entry): boolean => !touched.has(nameOf({ key, start, end })) && end > visible
    this.#expect(seen.filter(quiet)).toEqual(before.filter(quiet))
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

/** Session stores: random steps against a list. */
export const sessionTests: Readonly<Record<string, (test: StoreTest) => void>> = Object.fromEntries(
  Object.entries(serdes).map(([name, serde]) => [
    `sessions, ${name}: whatever is done, all reads show what a list of it says`,
    (test: StoreTest) => fc.assert(fc.property(fc.array(step, { maxLength: 100, size: 'max' }), steps => play(test, serde, steps))),
  ]),
)
