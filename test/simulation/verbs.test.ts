import {
  bufferCount,
  bufferTime,
  debounceTime,
  distinct,
  type KStream,
  list,
  mapValues,
  pairwise,
  type Serde,
  scan,
  text,
  throttleTime,
  to,
  topic,
  topology,
} from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { counted, firsts, type HandedOn, paired, quiet, type Seen, scanned, spanned, throttled } from '../oracle/verbs.ts'
import { allRestarts, played } from './restarts.fixture.ts'

const source = topic('in', { key: text, value: text })
const texts = list(text)
const lists = (stream: KStream<string, readonly string[]>, name: string) => stream.pipe(to(name, { value: texts }))

/** How each output is made, and what it must hold. */
const verbs: Readonly<Record<string, readonly [KStream<never, never>, (input: readonly Seen[]) => readonly HandedOn[]]>> = {
  scan: [
    source.pipe(
      scan('scan', (sum, value) => sum + value, '', { value: text }),
      to('scan'),
    ),
    scanned,
  ],
  pairwise: [
    lists(
      source.pipe(
        pairwise('pairwise'),
        mapValues(pair => pair as readonly string[]),
      ),
      'pairwise',
    ),
    paired,
  ],
  distinct: [
    source.pipe(
      distinct('distinct', value => value, { within: 8 }),
      to('distinct'),
    ),
    input => firsts(input, 8),
  ],
  throttleTime: [source.pipe(throttleTime('throttleTime', 7), to('throttleTime')), input => throttled(input, 7)],
  debounceTime: [source.pipe(debounceTime('debounceTime', 6), to('debounceTime')), input => quiet(input, 6)],
  bufferCount: [lists(source.pipe(bufferCount('bufferCount', 3)), 'bufferCount'), input => counted(input, 3)],
  bufferTime: [lists(source.pipe(bufferTime('bufferTime', 9)), 'bufferTime'), input => spanned(input, 9)],
}
const plan = topology('verbs', ...Object.values(verbs).map(([end]) => end))

const record = fc.record({ key: fc.constantFrom('a', 'b', 'é'), value: fc.constantFrom('x', 'y'), at: fc.nat(20) })
/** Time goes on by two milliseconds a record, and each is up to 10 behind or ahead of that. */
const input = fc
  .array(record, { maxLength: 30 })
  .map(records => records.map((each, i) => ({ ...each, at: Math.max(0, i * 2 + each.at - 10) })))

it('verbs with a memory equal their recomputation, however often the application ends on the way', async () => {
  await fc.assert(
    fc.asyncProperty(input, fc.constantFrom(...allRestarts), async (seen, restarts) => {
      const got = await played(
        plan,
        seen.map(each => ({ topic: 'in', ...each })),
        restarts,
      )
      for (const [name, [, wanted]] of Object.entries(verbs)) {
        const serde = (['pairwise', 'bufferCount', 'bufferTime'].includes(name) ? texts : text) as Serde<unknown>
        const rows = got.filter(({ topic }) => topic === name)
        expect([name, rows.map(({ key, value, at }) => ({ key: text.decode(key!), value: serde.decode(value!), at }))]).toEqual([
          name,
          wanted(seen).map(({ key, value, at }) => ({ key, value, at })),
        ])
      }
    }),
    { numRuns: 60, interruptAfterTimeLimit: 8_000 },
  )
})
