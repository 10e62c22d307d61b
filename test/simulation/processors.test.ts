import { int64, keyValueStore, process, processInto, processValues, text, to, topic, topology } from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { changed, type Given, numbered } from '../oracle/processors.ts'
import { allRestarts, type Played, played } from './restarts.fixture.ts'

const texts = { key: text, value: text }
const words = topic('words', texts)
const counts = keyValueStore('counts', { key: text, value: int64 })
const last = keyValueStore('last', texts)

const index = processValues<string, string, string>(
  'index',
  context => {
    const store = context.store(counts)
    return record => {
      if (record.key === null) return context.forward(record)
      const n = (store.get(record.key)?.value ?? 0) + 1
      store.put(record.key, n, record.timestamp)
      context.forward({ ...record, value: `${n}:${record.value}` })
    }
  },
  { stores: [counts], value: text },
)

/** The store is shared: one processor looks at what it holds, the next, to which the first hands all, writes it. */
const looking = processInto(
  words,
  'looking',
  context => {
    const store = context.store(last)
    return record => {
      if (record.key === null) return
      if (store.get(record.key)?.value !== record.value) context.forward(record, record.value.length % 2 === 0 ? 'even' : 'odd')
      context.forward(record, 'all')
    }
  },
  { outputs: { even: texts, odd: texts, all: texts }, stores: [last] },
)
const remembering = process<string, string, string, string>(
  'remembering',
  context => {
    const store = context.store(last)
    return record => store.put(record.key, record.value, record.timestamp)
  },
  { stores: [last], keyed: false },
)
const plan = topology(
  'processing',
  words.pipe(index, to('a-numbered')),
  looking.even.pipe(to('b-even')),
  looking.odd.pipe(to('c-odd')),
  looking.all.pipe(remembering),
)

const records: fc.Arbitrary<Given[]> = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b', null),
    value: fc.constantFrom('x', 'y', 'xx', ''),
    at: fc.integer({ min: 0, max: 20 }),
  }),
  { maxLength: 12 },
)

const shown = (all: readonly Played[]) =>
  all.map(({ topic, key, value, at }) => [topic, key === null ? null : String(key), String(value), at])

it('processors see their stores as they were left, whatever restarts there are', async () => {
  await fc.assert(
    fc.asyncProperty(records, fc.constantFrom(...allRestarts), async (input, restarts) => {
      const wanted = { 'a-numbered': numbered(input), 'b-even': changed(input, true), 'c-odd': changed(input, false) }
      const rows = Object.entries(wanted).flatMap(([name, all]) => all.map(row => [name, ...row]))
      const given = input.map(record => ({ topic: 'words', ...record }))
      expect(shown(await played(plan, given, restarts))).toEqual(rows)
    }),
    { numRuns: 80 },
  )
})
