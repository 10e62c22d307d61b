import {
  cogroup,
  hopping,
  type KStream,
  type KTable,
  session,
  sessionKey,
  text,
  to,
  topic,
  topology,
  toStream,
  tumbling,
  type Windowed,
  windowedKey,
} from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Arrival, cogrouped, type Spans, type Whole } from '../oracle/cogroup.ts'
import { sessionSteps } from '../oracle/session.ts'
import { allRestarts, type Played, played } from './restarts.fixture.ts'

const side: Spans = { size: 10, advance: 10, grace: 5, retention: 15 }
const over: Spans = { size: 12, advance: 5, grace: 0, retention: 1000 }
const rests = { gap: 4, grace: 6, retention: 10 }

type Value = string | null
/** A result that grows beyond this is deleted. */
const longest = 9
const bounded = (joined: string): Value => (joined.length > longest ? null : joined)
/** A value as each input adds it. */
const tagged = (input: number, value: Value): string => `${input}${value ?? '-'}`
const both = (earlier: string, later: string): string => `${earlier}&${later}`
const whole: Whole = arrivals => bounded(`>${arrivals.map(({ input, value }) => tagged(input, value)).join('')}`)

const input = (n: number): KStream<string, Value> => topic(`in-${n}`, { key: text, value: text, nulls: 'keep' })
const begin = (): string => '>'
const add =
  (n: number) =>
  (value: Value, sum: string): Value =>
    bounded(sum + tagged(n, value))
const inputs = [
  [input(0), add(0)],
  [input(1), add(1)],
  [input(2), add(2)],
] as const
const ended = <K>(name: string, table: KTable<K, string>) => table.pipe(toStream(), to(name)) as KStream<never, never>
const plan = topology(
  'grouped',
  ended('plain', cogroup('plain', begin, inputs, { value: text })),
  ended('tumbling', cogroup('tumbling', begin, inputs, { value: text, window: tumbling(side.size, side) })),
  ended('hopping', cogroup('hopping', begin, inputs, { value: text, window: hopping(over.size, over) })),
  ended('session', cogroup('session', begin, inputs, { value: text, window: session(rests.gap, rests), merge: both })),
)

const aligned =
  (spans: Spans | undefined) =>
  (arrivals: readonly Arrival[]): readonly unknown[] =>
    cogrouped(arrivals, spans, whole)
const inSessions = (arrivals: readonly Arrival[]): readonly unknown[] =>
  sessionSteps(
    arrivals.map(each => ({ ...each, value: tagged(each.input, each.value) })),
    rests,
    (connected, value) => bounded(`${connected.reduce(both, '>')}${value}`),
  )
    .flatMap(step => step.updates)
    .map(({ key, start, end, value }) => ({ key, start, end, value, at: end }))

const wanted: Readonly<Record<string, (arrivals: readonly Arrival[]) => readonly unknown[]>> = {
  plain: aligned(undefined),
  tumbling: aligned(side),
  hopping: aligned(over),
  session: inSessions,
}

const keys: Readonly<Record<string, (key: Buffer) => object>> = {
  plain: key => ({ key: text.decode(key) }),
  tumbling: key => started(windowedKey(text, side.size).decode(key)),
  hopping: key => started(windowedKey(text, over.size).decode(key)),
  session: key => sessionKey(text).decode(key),
}
const started = ({ key, start }: Windowed<string>): object => ({ key, start })
const shown = ({ topic, key, value, at }: Played) => ({ ...keys[topic]!(key!), value: value === null ? null : text.decode(value), at })

const record = fc.record({
  input: fc.nat(2),
  key: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('a', 'b') }, { weight: 1, arbitrary: fc.constant(null) }),
  value: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('x', 'y') }, { weight: 1, arbitrary: fc.constant(null) }),
  at: fc.nat(24),
})
/** Time goes on by three milliseconds a record, each input's five behind that of the one before, and each record is up to 12 behind or ahead of that. */
const script = fc
  .array(record, { maxLength: 30 })
  .map(records => records.map((each, i) => ({ ...each, at: Math.max(0, i * 3 + each.at - 12 - each.input * 5) })))

it('streams grouped together equal their recomputation, however often the application ends on the way', async () => {
  await fc.assert(
    fc.asyncProperty(script, fc.constantFrom(...allRestarts), async (arrivals, restarts) => {
      const got = await played(
        plan,
        arrivals.map(({ input, ...each }) => ({ topic: `in-${input}`, ...each })),
        restarts,
      )
      for (const [name, results] of Object.entries(wanted)) {
        expect([name, got.filter(({ topic }) => topic === name).map(shown)]).toEqual([name, results(arrivals)])
      }
    }),
    { numRuns: 100, interruptAfterTimeLimit: 5_000 },
  )
})
