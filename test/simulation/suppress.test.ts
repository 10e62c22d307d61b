import {
  count,
  hopping,
  int64,
  type KStream,
  reduce,
  type Serde,
  session,
  sessionKey,
  suppress,
  table,
  text,
  to,
  topic,
  topology,
  toStream,
  type Windowed,
  windowedKey,
} from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { sessionSteps } from '../oracle/session.ts'
import { finalCounts, type Given, limited, type Result, released } from '../oracle/suppress.ts'
import { allRestarts, played } from './restarts.fixture.ts'

const source = topic('in', { key: text, value: text })
const rows = table('rows', { key: text, value: text })
const spans = { size: 10, advance: 4, grace: 3 }
const rests = { gap: 4, grace: 3, retention: 1000 }
const inWindows = hopping(10, { advance: 4, grace: 3 })
const inSessions = session(4, { grace: 3, retention: 1000 })

const ends: readonly KStream<never, never>[] = [
  source.pipe(count('windows', { window: inWindows }), suppress('final', { until: 'windowCloses' }), toStream(), to('windows')),
  source.pipe(
    reduce('sessions', (a: string, b) => `${a}${b}`, { value: text, window: inSessions }),
    suppress('visits', { until: 'windowCloses' }),
    toStream(),
    to('sessions'),
  ),
  rows.pipe(suppress('slow', { until: 'timeLimit', limit: 7 }), toStream(), to('limited')),
  rows.pipe(suppress('few', { until: 'timeLimit', limit: 30, recordsMax: 2, whenFull: 'emit' }), toStream(), to('bounded')),
]
const plan = topology('held', ...ends)

type Told = readonly [key: unknown, value: string | null, at: number]
const plain = ({ key, value, at }: Result): Told => [key, value, at]
const windowed = ({ key, start, end, value, at }: Result): Told => [{ key, start, end }, value, at]
const sessionsOf = (given: readonly Given[]): Result[][] =>
  sessionSteps(given, rests, (connected, value) => [...connected, value].join('')).map(({ updates }) =>
    updates.map(told => ({ ...told, at: told.end })),
  )

/** What each output must hold, of what was written to the stream and to the table. */
const wanted: Readonly<Record<string, (stream: readonly Given[], changes: readonly Given[]) => readonly Told[]>> = {
  windows: stream => finalCounts(stream, spans).map(windowed),
  sessions: stream => {
    const waits = { time: (told: Result) => told.end!, wait: 7, recordsMax: Number.POSITIVE_INFINITY, deletions: false, sessions: true }
    return released(sessionsOf(stream), waits).map(windowed)
  },
  limited: (_, changes) => limited(changes, 7).map(plain),
  bounded: (_, changes) => {
    const waits = { time: (told: Result) => told.at, wait: 30, recordsMax: 2, deletions: true, sessions: false }
    return released([changes], waits).map(plain)
  },
}

const keys: Readonly<Record<string, Serde<unknown>>> = {
  windows: windowedKey(text, 10) as Serde<Windowed<string>> as Serde<unknown>,
  sessions: sessionKey(text) as Serde<Windowed<string>> as Serde<unknown>,
}
const shown = (name: string, value: Buffer | null): string | null =>
  value === null ? null : name === 'windows' ? String(int64.decode(value)) : text.decode(value)

const record = fc.record({
  topic: fc.constantFrom('in', 'rows'),
  key: fc.constantFrom('a', 'aa', 'b', 'é'),
  value: fc.option(fc.constantFrom('x', 'y', ''), { freq: 5 }),
  at: fc.nat(16),
  together: fc.boolean(),
})
/** Time goes on by two milliseconds a record, and each is up to 8 behind or ahead of that. The stream has no null values. */
const input = fc.array(record, { maxLength: 30 }).map(records =>
  records.map((each, i) => ({
    ...each,
    value: each.topic === 'in' ? (each.value ?? 'z') : each.value,
    at: Math.max(0, i * 2 + each.at - 8),
  })),
)

it('what is held back equals its recomputation, however often the application ends on the way', async () => {
  await fc.assert(
    fc.asyncProperty(input, fc.constantFrom(...allRestarts), async (given, restarts) => {
      const got = await played(plan, given, restarts)
      const of = (name: string): readonly Given[] => given.filter(({ topic }) => topic === name)
      for (const [name, make] of Object.entries(wanted)) {
        const records = got.filter(({ topic }) => topic === name)
        const told = records.map(({ key, value, at }): Told => [(keys[name] ?? text).decode(key!), shown(name, value), at])
        expect([name, told]).toEqual([name, make(of('in'), of('rows'))])
      }
    }),
    { numRuns: 60, interruptAfterTimeLimit: 8_000 },
  )
})
