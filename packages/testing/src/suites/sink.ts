import { type Places, type Sink, SinkError, type StreamRecord } from '@riacho/streams'
import { type Skip, type TestFunctions, testsOf } from './tests.ts'

/** A row as the system holds it: which one, and the revision that was written last, or each that was written. */
export type Held = readonly [id: number, revision: number]

/** One real system with one sink on it, made anew for each test. `K` and `V` are the fixture's own. */
export interface SinkFixture<K, V> {
  /** Not opened yet. */
  readonly sink: Sink<K, V>
  /** The record that carries this revision of this row. Records with one id have one key. */
  record(id: number, revision: number): StreamRecord<K, V>
  /** The record that deletes a row, if the sink can. */
  readonly removal?: (id: number) => StreamRecord<K, null>
  /** A record that the system refuses, if there can be one. */
  readonly poison?: () => StreamRecord<K, V>
  /** What the system holds, asked without the sink; a queue gives what was written, in order. */
  held(): Promise<readonly Held[]>
  /** Takes the system away; the returned function brings it back. */
  readonly outage?: () => Promise<() => Promise<void>>
  close(): Promise<void>
}

/** What {@link sinkSuite} takes. */
export interface SinkSuiteOptions<K, V> {
  readonly name: string
  readonly make: () => Promise<SinkFixture<K, V>>
  /** Tests that do not apply, each with its reason. */
  readonly skip?: readonly Skip[]
}

const never = new AbortController().signal

const errorOf = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    await work
  } catch (thrown) {
    return thrown
  }
  throw new Error('the write was expected to fail, and it resolved')
}

const kindOf = async (work: Promise<unknown>): Promise<string> => {
  const thrown = await errorOf(work)
  return thrown instanceof SinkError ? thrown.kind : `not a SinkError: ${String(thrown)}`
}

const given = <T>(part: T | undefined, name: string): T => {
  if (part === undefined) throw new Error(`the fixture has no ${name}: give one, or skip this test and write the reason`)
  return part
}

/** Gives each record of a test a position of its own, later ones for later writes. */
class CountedPlaces implements Places {
  #from = 0
  #next = 0

  /** The places of the next batch. */
  batch(length: number): this {
    this.#from = this.#next
    this.#next += length
    return this
  }

  position(index: number): { topic: string; partition: number; offset: number } {
    return { topic: 'in', partition: 0, offset: this.#from + index }
  }

  nth(): number {
    return 0
  }
}

/** The last revision of each row. */
const latest = (held: readonly Held[]): Record<number, number> => Object.fromEntries(held)

type Body<K, V> = (fixture: SinkFixture<K, V>, write: (...rows: Held[]) => Promise<void>, places: CountedPlaces) => Promise<void>

/** The contract of `Sink` as tests: every sink runs them against the real system. */
export const sinkSuite = <K, V>({ name, make, skip = [] }: SinkSuiteOptions<K, V>, { describe, it, expect }: TestFunctions): void => {
  const opened = (body: Body<K, V>) => async (): Promise<void> => {
    const fixture = await make()
    const places = new CountedPlaces()
    try {
      await fixture.sink.open?.()
      const write = (...rows: Held[]): Promise<void> =>
        fixture.sink.write(
          rows.map(([id, revision]) => fixture.record(id, revision)),
          never,
          places.batch(rows.length),
        )
      await body(fixture, write, places)
    } finally {
      await fixture.sink.close?.()
      await fixture.close()
    }
  }
  const idempotent = (body: Body<K, V>) =>
    opened(async (fixture, write, places) => {
      if (!fixture.sink.idempotent) throw new Error('the sink is not idempotent: skip this test and write the reason')
      await body(fixture, write, places)
    })

  describe(`Sink contract: ${name}`, () => {
    testsOf(it, skip, {
      'holds what a resolved write wrote': opened(async ({ held }, write) => {
        await write([1, 1], [2, 1], [3, 1])
        expect(latest(await held())).toEqual({ 1: 1, 2: 1, 3: 1 })
      }),

      'writes a batch of thousands': opened(async ({ held }, write) => {
        await write(...Array.from({ length: 5000 }, (_, id): Held => [id, 1]))
        expect(Object.keys(latest(await held())).length).toBe(5000)
      }),

      'takes an empty batch': opened(async ({ held }, write) => {
        await write()
        expect(await held()).toEqual([])
      }),

      'keeps the order of a key within a batch': opened(async ({ held }, write) => {
        await write([1, 1], [2, 1], [1, 2], [2, 2], [1, 3])
        expect(latest(await held())).toEqual({ 1: 3, 2: 2 })
      }),

      'keeps the order of a key over batches': opened(async ({ held }, write) => {
        for (let revision = 1; revision <= 20; revision++) await write([1, revision], [2, revision])
        expect(latest(await held())).toEqual({ 1: 20, 2: 20 })
      }),

      'leaves one result when a batch is written twice': idempotent(async ({ held }, write) => {
        await write([1, 1], [2, 1], [1, 2])
        const once = await held()
        await write([1, 1], [2, 1], [1, 2])
        expect(await held()).toEqual(once)
      }),

      'leaves one result when a part of a batch is written before the whole': idempotent(async ({ held }, write) => {
        await write([1, 1], [2, 1])
        await write([1, 1], [2, 1], [1, 2], [3, 1])
        expect(latest(await held())).toEqual({ 1: 2, 2: 1, 3: 1 })
        expect((await held()).length).toBe(3)
      }),

      'ends right when older batches are replayed after newer ones': idempotent(async ({ held }, write) => {
        await write([1, 1], [2, 1])
        await write([1, 2])
        await write([1, 3], [2, 2])
        const before = await held()
        await write([1, 1], [2, 1])
        await write([1, 2])
        await write([1, 3], [2, 2])
        expect(await held()).toEqual(before)
      }),

      'deletes the row of a null value': opened(async ({ sink, removal, record, held }, write, places) => {
        const remove = given(removal, 'removal')
        await write([1, 1], [2, 1])
        await sink.write([remove(1), remove(7)], never, places.batch(2))
        expect(latest(await held())).toEqual({ 2: 1 })
        await sink.write([remove(2), record(2, 2), record(3, 1), remove(3)], never, places.batch(4))
        expect(latest(await held())).toEqual({ 2: 2 })
      }),

      'calls a record that cannot be written poison, and writes the others': opened(
        async ({ sink, poison, record, held }, _write, places) => {
          const bad = given(poison, 'poison')
          expect(await kindOf(sink.write([record(1, 1), bad(), record(2, 1)], never, places.batch(3)))).toBe('poison')
          expect(await kindOf(sink.write([bad()], never, places.batch(1)))).toBe('poison')
          await sink.write([record(1, 1), record(2, 1), record(3, 1)], never, places.batch(3))
          expect(latest(await held())).toEqual({ 1: 1, 2: 1, 3: 1 })
        },
      ),

      'calls an outage transient, and writes the batch when it is over': opened(async ({ outage, held }, write) => {
        await write([1, 1])
        const restore = await given(outage, 'outage')()
        try {
          expect(await kindOf(write([1, 2], [2, 1]))).toBe('transient')
        } finally {
          await restore()
        }
        await write([1, 2], [2, 1])
        expect(latest(await held())).toEqual({ 1: 2, 2: 1 })
      }),

      'changes nothing of a batch': opened(async ({ sink, record, held }, _write, places) => {
        const batch = Object.freeze([Object.freeze(record(1, 1)), Object.freeze(record(2, 1))])
        const before = structuredClone(batch)
        await sink.write(batch, never, places.batch(2))
        expect(structuredClone(batch)).toEqual(before)
        expect(latest(await held())).toEqual({ 1: 1, 2: 1 })
      }),

      'works on after an aborted write': opened(async ({ sink, record, held }, write, places) => {
        await sink.write([record(1, 1)], AbortSignal.abort(), places.batch(1)).catch(() => {})
        await write([1, 2])
        expect(latest(await held())).toEqual({ 1: 2 })
      }),

      'serves other tasks after one closed it': opened(async ({ sink, held }, write) => {
        await sink.open?.()
        await write([1, 1])
        await sink.close?.()
        await write([2, 1])
        expect(latest(await held())).toEqual({ 1: 1, 2: 1 })
      }),

      'can be opened again on what it wrote': opened(async ({ sink, held }, write) => {
        await write([1, 1], [2, 1])
        await sink.close?.()
        await sink.open?.()
        await write([2, 2], [3, 1])
        expect(latest(await held())).toEqual({ 1: 1, 2: 2, 3: 1 })
      }),
    })
  })
}
