import {
  aggregate,
  count,
  filter,
  int64,
  joinStream,
  leftJoin,
  optimize,
  repartition,
  selectKey,
  table,
  text,
  to,
  topic,
  topology,
  toStream,
} from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { allRestarts, type Given, type Played, played } from './restarts.fixture.ts'

const texts = { key: text, value: text }
const words = topic('words', texts)
const rows = table('rows', { ...texts, store: 'rows' })
const rekeyed = words.pipe(selectKey(word => word[0] ?? '-'))
const moved = (name: string) => rekeyed.pipe(repartition(name, texts))
const pair = (left: string, right: string | null) => `${left}/${right}`

// The grace is longer than any record is late: a late one meets itself through two topics, and not in one store (Kafka Streams: `KStreamKStreamSelfJoin`).
const plan = topology(
  'plain',
  moved('one').pipe(count('counts'), toStream(), to('counts', { value: int64 })),
  rekeyed.pipe(
    filter(word => word.length > 1),
    repartition('two', texts),
    aggregate(
      'joined',
      () => '',
      (word: string, sum) => sum + word,
      { value: text },
    ),
    toStream(),
    to('joined'),
  ),
  moved('three').pipe(leftJoin(rows, pair), to('rows-of-words', { value: text })),
  moved('four').pipe(
    joinStream('pairs', moved('five'), pair, { before: 5, after: 5, grace: 50, left: text, right: text }),
    to('pairs', { value: text }),
  ),
)
const optimized = optimize(plan)

const records: fc.Arbitrary<Given[]> = fc.array(
  fc.record({
    topic: fc.constantFrom('words', 'words', 'rows'),
    key: fc.constantFrom('a', 'b'),
    value: fc.constantFrom('a', 'ab', 'b', 'ba', null),
    at: fc.integer({ min: 0, max: 30 }),
  }),
  { maxLength: 10 },
)

/** In their order but for the pairs: two topics that lead into a join have none between them. */
function shown(all: readonly Played[]): readonly string[] {
  const rows = all.map(({ topic, key, value, at }) => [topic, key, value?.toString('hex'), at].join())
  const paired = (row: string): boolean => row.startsWith('pairs,')
  return [...rows.filter(row => !paired(row)), ...rows.filter(paired).sort()]
}

it('the plan has fewer topics and stores', () => {
  const moves = (of: typeof plan) => of.subTopologies.flatMap(part => part.topics.filter(name => name.startsWith('plain-')))
  expect([moves(plan).length, moves(optimized), [...optimized.sourceLogs.keys()]]).toEqual([5, ['plain-one-repartition'], ['rows']])
  expect([plan.stores.size, optimized.stores.size]).toEqual([5, 4])
})

it('an optimized plan writes what the plain one does, whatever restarts there are', async () => {
  await fc.assert(
    fc.asyncProperty(records, fc.constantFrom(...allRestarts), async (input, restarts) => {
      expect(shown(await played(optimized, input, restarts))).toEqual(shown(await played(plan, input, 'none')))
    }),
    { numRuns: 100 },
  )
})
