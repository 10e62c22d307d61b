import { globalTable, leftLookup, lookup, text, to, topic, topology } from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Given, looked, type Wanted } from '../oracle/global-joins.ts'
import { allRestarts, type Played, played } from './restarts.fixture.ts'

const texts = { key: text, value: text }
const words = topic('words', texts)
const whole = globalTable('whole', texts)
// Longer than any record is late: what a history forgets is not told here.
const past = globalTable('past', { ...texts, historyRetention: 1000 })
const keyOf = (value: string): string | null => (value === '-' ? null : (value[0] ?? null))
const pair = (value: string, row: string | null): string => `${value}/${row}`
const earlier = 3

const plan = topology(
  'looking',
  words.pipe(lookup(whole, keyOf, pair), to('inner', { value: text })),
  words.pipe(leftLookup(whole, keyOf, pair), to('left', { value: text })),
  words.pipe(lookup(past, keyOf, pair, { asOf: (_, { timestamp }) => timestamp - earlier }), to('of-past', { value: text })),
)

const wanted: Readonly<Record<string, (input: readonly Given[]) => Wanted>> = {
  inner: input => looked(input, 'words', 'whole', by, { left: false }),
  left: input => looked(input, 'words', 'whole', by, { left: true }),
  'of-past': input => looked(input, 'words', 'past', by, { left: false, time: ({ at }) => at - earlier }),
}
const by = ({ value }: Given): string | null => keyOf(value ?? '-')

const records: fc.Arbitrary<Given[]> = fc.array(
  fc.record({
    topic: fc.constantFrom('words', 'words', 'whole', 'past'),
    key: fc.constantFrom('a', 'b', null),
    value: fc.constantFrom('a', 'ab', 'b', '-', '', null),
    at: fc.integer({ min: 0, max: 20 }),
  }),
  { maxLength: 14 },
)

const shown = (all: readonly Played[]) =>
  all.map(({ topic, key, value, at }) => [topic, key === null ? null : String(key), String(value), at])

/** A history forgets, as Kafka Streams' does, that a row was deleted at the very time at which it was written. */
const forgets = (input: readonly Given[]): boolean =>
  input.some(
    ({ topic, key, value, at }, i) =>
      topic === 'past' &&
      value === null &&
      input.slice(0, i).some(before => before.topic === topic && before.key === key && before.at === at),
  )

it('every record meets what the copies hold just then, whatever restarts there are', async () => {
  await fc.assert(
    fc.asyncProperty(records, fc.constantFrom(...allRestarts), async (input, restarts) => {
      fc.pre(!forgets(input))
      const rows = Object.entries(wanted).flatMap(([name, of]) => of(input).map(row => [name, ...row]))
      expect(shown(await played(plan, input, restarts))).toEqual(rows)
    }),
    { numRuns: 100 },
  )
})
