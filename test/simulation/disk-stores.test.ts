import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lmdb } from '@riacho/lmdb'
import {
  aggregate,
  count,
  int64,
  joinTable,
  reduce,
  session,
  sessionKey,
  sliding,
  table,
  text,
  to,
  topic,
  topology,
  toStream,
  tumbling,
  windowedKey,
} from '@riacho/streams'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allRestarts, type Given, played } from './restarts.fixture.ts'

const source = topic('in', { key: text, value: text })
const concat = { value: text }
const windowed = { key: windowedKey(text, 10), value: text }
const prices = table('prices', { key: text, value: text, store: 'prices' })
const names = table('names', { key: text, value: text, store: 'names' })

const plans = {
  'a table': topology('s', source.pipe(count('counts'), toStream(), to('out', { value: int64 }))),
  'a table with a cache': topology(
    's',
    source.pipe(count('counts', { cache: { recordsMax: 3 } }), toStream(), to('out', { value: int64 })),
  ),
  'tumbling windows': topology(
    's',
    source.pipe(
      reduce('sums', (sum, value) => sum + value, { ...concat, window: tumbling(10, { grace: 5 }) }),
      toStream(),
      to('out', windowed),
    ),
  ),
  'final results': topology(
    's',
    source.pipe(
      reduce('sums', (sum, value) => sum + value, { ...concat, window: tumbling(10, { grace: 5 }), emit: 'onClose' }),
      toStream(),
      to('out', windowed),
    ),
  ),
  'sliding windows': topology(
    's',
    source.pipe(
      reduce('sums', (sum, value) => sum + value, { ...concat, window: sliding(10, { grace: 5 }) }),
      toStream(),
      to('out', windowed),
    ),
  ),
  sessions: topology(
    's',
    source.pipe(
      aggregate(
        'sums',
        () => '',
        (sum, value) => sum + value,
        { ...concat, window: session(5, { grace: 5 }), merge: (_key, a, b) => a + b },
      ),
      toStream(),
      to('out', { key: sessionKey(text), value: text }),
    ),
  ),
  'joined tables': topology(
    's',
    prices.pipe(
      joinTable(names, (price, name) => `${price} ${name}`, { store: 'both', value: text }),
      toStream(),
      to('out'),
    ),
  ),
}

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'riacho-disk-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

const given = fc.record({
  topic: fc.constant('in'),
  key: fc.constantFrom('a', 'a\0', 'b', 'é'),
  value: fc.constantFrom('1', '2', 'long '.repeat(50)),
  at: fc.nat(60),
})
const inputs: Readonly<Record<string, fc.Arbitrary<Given>>> = {
  'joined tables': fc.record({
    topic: fc.constantFrom('prices', 'names'),
    key: fc.constantFrom('a', 'b'),
    value: fc.constantFrom('1', '2', null),
    at: fc.nat(60),
  }),
}

describe.each(Object.entries(plans))('%s with state in files', (name, plan) => {
  it.each(allRestarts)('come out as with state in memory, restarts: %s', async restarts => {
    await fc.assert(
      fc.asyncProperty(fc.array(inputs[name] ?? given, { minLength: 1, maxLength: 25 }), async input => {
        const expected = await played(plan, input, restarts)
        expect(await played(plan, input, restarts, lmdb({ directory, memoryBytesMax: 600, bytesMax: 2 ** 30 }))).toEqual(expected)
      }),
      { numRuns: 5 },
    )
  })
})
