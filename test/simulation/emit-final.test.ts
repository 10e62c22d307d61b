import {
  aggregate,
  count,
  hopping,
  int64,
  type KStream,
  reduce,
  type Serde,
  text,
  to,
  topic,
  topology,
  toStream,
  tumbling,
  windowedKey,
} from '@riacho/streams'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Closing, type Final, type Fold, finalResults, type Given } from '../oracle/emit-final.ts'
import { allRestarts, type Played, played, type Restarts } from './restarts.fixture.ts'

type Value = string | null
const word = (value: Value): string => value ?? '-'
/** A row that grows beyond this is deleted. */
const longest = 4
const bounded = (joined: string): Value => (joined.length > longest ? null : joined)
const counted: Fold = values => String(values.length)

/** Kept so long only that windows are forgotten before they are handed on, when time makes a leap. */
const short: Closing = { size: 10, advance: 10, grace: 3, retention: 13, every: 0 }
const overlapping: Closing = { size: 9, advance: 4, grace: 5, retention: 1000, every: 0 }
const eachSecond: Closing = { size: 10, advance: 10, grace: 0, retention: 1000, every: 1000 }
const seldom: Closing = { size: 6, advance: 2, grace: 1, retention: 1000, every: 2500 }

const source: KStream<string, Value> = topic('in', { key: text, value: text, nulls: 'keep' })
const words = text as Serde<unknown> as Serde<Value>
const onClose = { emit: 'onClose', emitEvery: 0 } as const
const plan = topology(
  'final',
  source.pipe(count('short', { window: tumbling(short.size, short), ...onClose }), toStream(), to('short')),
  source.pipe(
    aggregate(
      'overlapping',
      () => '>',
      (value: Value, sum: string) => bounded(sum + word(value)),
      { window: hopping(overlapping.size, overlapping), value: text, ...onClose },
    ),
    toStream(),
    to('overlapping'),
  ),
)
const throttled = topology(
  'throttled',
  source.pipe(
    reduce<string, Value>('each-second', (sum, value) => word(sum) + word(value), {
      window: tumbling(eachSecond.size, eachSecond),
      value: words,
      emit: 'onClose',
    }),
    toStream(),
    to('each-second'),
  ),
  source.pipe(count('seldom', { window: hopping(seldom.size, seldom), emit: 'onClose', emitEvery: 2500 }), toStream(), to('seldom')),
)

const outputs: Readonly<Record<string, readonly [Closing, Fold]>> = {
  short: [short, counted],
  overlapping: [overlapping, values => bounded(`>${values.map(word).join('')}`)],
  'each-second': [eachSecond, values => (values.length === 1 ? values[0]! : values.map(word).join(''))],
  seldom: [seldom, counted],
}

function shown({ topic, key, value, at }: Played): Final {
  const { key: inner, start } = windowedKey(text, 1).decode(key!)
  const shown = topic === 'short' || topic === 'seldom' ? String(int64.decode(value!)) : text.decode(value!)
  return { key: inner, start, value: shown, at }
}

const record = fc.record({
  key: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('a', 'b', 'é') }, { weight: 1, arbitrary: fc.constant(null) }),
  value: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('x', 'y', 'z') }, { weight: 1, arbitrary: fc.constant(null) }),
  at: fc.nat(30),
  wait: fc.nat(1500),
})
/** Time goes on by two milliseconds a record, and each is up to 15 behind or ahead of that. */
const input = fc
  .array(record, { maxLength: 30 })
  .map(records => records.map((each, i) => ({ ...each, at: Math.max(0, i * 2 + each.at - 15) })))

async function check(
  plan: Parameters<typeof played>[0],
  names: readonly string[],
  given: readonly Given[],
  restarts: Restarts,
): Promise<void> {
  const got = await played(
    plan,
    given.map(each => ({ topic: 'in', ...each })),
    restarts,
  )
  for (const name of names) {
    const [closing, fold] = outputs[name]!
    expect([name, got.filter(({ topic }) => topic === name).map(shown)]).toEqual([name, finalResults(given, closing, fold).flat()])
  }
}
const runs = { numRuns: 100, interruptAfterTimeLimit: 5_000 }

it('final results equal their recomputation, however often the application ends on the way', async () => {
  const property = fc.asyncProperty(input, fc.constantFrom(...allRestarts), (given, restarts) =>
    check(plan, ['short', 'overlapping'], given, restarts),
  )
  await fc.assert(property, runs)
})

it('closed windows are looked for as seldom as is said, by the wall clock', async () => {
  await fc.assert(
    fc.asyncProperty(input, given => check(throttled, ['each-second', 'seldom'], given, 'none')),
    runs,
  )
})
