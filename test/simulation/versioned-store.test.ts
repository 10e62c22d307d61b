import { text, versionedStore } from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { asOf, type Put, SegmentedStore } from '../oracle/versioned.ts'

const retention = 30
const keys = ['a', 'b', 'é'] as const
const value = fc.option(fc.constantFrom('x', 'y', 'z'), { freq: 2 })
/** Times are up to 40 behind or 20 ahead of one that goes on by three a put: beyond the history, and often the same. */
const spread = (puts: readonly Put[]): Put[] => puts.map((put, i) => ({ ...put, at: Math.max(0, i * 3 + put.at - 40) }))
const puts: fc.Arbitrary<Put[]> = fc
  .array(fc.record({ key: fc.constantFrom(...keys), value, at: fc.nat(60) }), { maxLength: 50, size: 'max' })
  .map(spread)

const opened = () => {
  const dropped: string[] = []
  const task = { log: () => {}, drop: (reason: string) => dropped.push(reason) }
  return { dropped, store: versionedStore('v', { key: text, value: text, historyRetention: retention }).create(task) }
}

/** Everything that can be asked of these puts: latest rows, and rows at each time and beside it, within the history and beyond. */
function answers(puts: readonly Put[], latest: (key: string) => unknown, asOf: (key: string, at: number) => unknown): unknown[] {
  const times = new Set(puts.flatMap(({ at }) => [at - 1, at, at + 1, at - retention, at - retention - 1]))
  return keys.flatMap(key => [latest(key), ...Array.from(times, at => asOf(key, at))])
}

const row = (version: { readonly value: string; readonly at: number } | undefined) =>
  version && { value: version.value, timestamp: version.at }

it.each([1, 7, 10, 1000])('a versioned store answers after each put as one with segments of %i milliseconds does', interval => {
  fc.assert(
    fc.property(puts, puts => {
      const { store, dropped } = opened()
      const like = new SegmentedStore(retention, interval)
      for (const [i, put] of puts.entries()) {
        const late = dropped.length
        const outcome = like.put(put)
        expect(store.put(put.key, put.value, put.at)).toBe(outcome)
        expect(dropped.length - late).toBe(outcome === 'expired' ? 1 : 0)
        if (i % 5 === 0) store.committed()
        const wanted = answers(
          puts,
          key => row(like.latest(key)),
          (key, at) => row(like.asOf(key, at)),
        )
        expect(
          answers(
            puts,
            key => store.get(key),
            (key, at) => store.asOf(key, at),
          ),
        ).toEqual(wanted)
      }
    }),
    { numRuns: 60 },
  )
})

it('a versioned store knows what the list of all puts says', () => {
  const distinct = puts.map(all => all.filter((put, i) => all.findIndex(({ key, at }) => key === put.key && at === put.at) === i))
  fc.assert(
    fc.property(distinct, puts => {
      const { store } = opened()
      for (const { key, value, at } of puts) store.put(key, value, at)
      const wanted = answers(
        puts,
        key => row(asOf(puts, retention, key, Number.MAX_SAFE_INTEGER)),
        (key, at) => row(asOf(puts, retention, key, at)),
      )
      expect(
        answers(
          puts,
          key => store.get(key),
          (key, at) => store.asOf(key, at),
        ),
      ).toEqual(wanted)
    }),
  )
})
