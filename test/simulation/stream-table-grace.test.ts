import { embedded } from '@riacho/embedded'
import { filterTable, join, leftJoin, process, table, text, to, topic, topology } from '@riacho/streams'
import { readDeadLetter } from '@riacho/streams/engine'
import { testDriver } from '@riacho/testing'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Met, waitedMeetings } from '../oracle/stream-table-grace.ts'
import type { Given } from '../oracle/versioned.ts'
import { allRestarts, type Played, played } from './restarts.fixture.ts'

const retention = 25
const grace = 10
type Value = string | null
const source = topic('in', { key: text, value: text })
const rows = table('tab', { key: text, value: text, historyRetention: retention })
const shown = (value: string, row: Value): string => `${value}${row ?? '-'}`

const plan = topology(
  'waiting',
  source.pipe(join(rows, shown, { grace, name: 'inner' }), to('inner', { value: text })),
  source.pipe(leftJoin(rows, shown, { grace, name: 'left' }), to('left', { value: text })),
  source.pipe(leftJoin(rows, shown, { grace: 0, name: 'at-once' }), to('at-once', { value: text })),
  source.pipe(leftJoin(rows.pipe(filterTable(value => value !== 'y')), shown, { grace, name: 'derived' }), to('derived', { value: text })),
)

type Out = readonly [key: Value, value: Value, at: number]
const out = ({ met: { key, value, at }, row }: Met): Out => [key, shown(value!, row), at]

function wanted(input: readonly Given[]): Readonly<Record<string, readonly Out[]>> {
  const met = waitedMeetings(input, retention, grace)
  return {
    inner: met.filter(({ row }) => row !== null).map(out),
    left: met.map(out),
    'at-once': waitedMeetings(input, retention, 0).map(out),
    derived: met.map(({ met, row }) => out({ met, row: row === 'y' ? null : row })),
  }
}

const textOf = (bytes: Buffer | null): Value => (bytes === null ? null : text.decode(bytes))
const outOf = ({ key, value, at }: Played): Out => [textOf(key), textOf(value), at]

const given = fc.record({
  table: fc.boolean(),
  key: fc.constantFrom('a', 'b', 'ba'),
  value: fc.oneof({ weight: 4, arbitrary: fc.constantFrom('x', 'y', 'z') }, { weight: 1, arbitrary: fc.constant(null) }),
  at: fc.nat(30),
})
/** Time goes on by three milliseconds a record, and each is up to 22 behind or 8 ahead of that: behind the grace and the history, too. */
const input = fc
  .array(given, { maxLength: 30, size: 'max' })
  .map(records => records.map((each, i) => ({ ...each, at: Math.max(0, i * 3 + each.at - 22) })))

it('joins that wait for their table equal their recomputation, however often the application ends on the way', async () => {
  await fc.assert(
    fc.asyncProperty(input, fc.constantFrom(...allRestarts), async (seen, restarts) => {
      const got = await played(
        plan,
        seen.map(({ table, ...each }) => ({ topic: table ? 'tab' : 'in', ...each })),
        restarts,
      )
      for (const [name, outs] of Object.entries(wanted(seen)))
        expect([name, got.filter(({ topic }) => topic === name).map(outOf)]).toEqual([name, outs])
    }),
    { numRuns: 80, interruptAfterTimeLimit: 4_000 },
  )
})

it('says where a record that waited came from, in its dead letters and to processors after it', async () => {
  const refusing = (value: string, row: Value): string => {
    if (value === 'bad') throw new RangeError('bad')
    return shown(value, row)
  }
  const joined = source.pipe(
    leftJoin(rows, refusing, { grace, name: 'left', onError: { deadLetter: 'dead' } }),
    process<string, string, string, string>('where', context => record => {
      const { topic, offset } = context.position()!
      context.forward({ ...record, value: `${topic} ${offset}` })
    }),
    to('out', { key: text, value: text }),
  )
  const driver = await testDriver(topology('waiting', joined))
  const put = (value: string, timestamp: number) =>
    driver.pipe('in', { key: Buffer.from('k'), value: Buffer.from(value), timestamp, headers: [['h', Buffer.from('x')]] })
  await put('good', 0)
  await put('bad', 1)
  await put('last', 50)
  const sent = driver.sent()
  expect(sent.filter(({ topic }) => topic === 'out').map(({ value }) => Buffer.from(value!).toString())).toEqual(['in 0'])
  const [letter] = sent.filter(({ topic }) => topic === 'dead')
  expect([letter!.key, letter!.value].map(bytes => Buffer.from(bytes!).toString())).toEqual(['k', 'bad'])
  expect(readDeadLetter(letter!.key, letter!.value, letter!.headers)).toMatchObject({
    topic: 'in',
    partition: 0,
    offset: 1,
    node: 'leftJoin',
  })
  await driver.close()
})

it('knows after a restart what was late before, from what has waited', async () => {
  const broker = await embedded()
  const waited = topology('waiting', source.pipe(leftJoin(rows, shown, { grace, name: 'left' }), to('out', { value: text })))
  const outs: string[] = []
  for (const timestamp of [100, 89, 90]) {
    const driver = await testDriver(waited, { broker })
    await driver.pipe('in', { key: Buffer.from('k'), value: Buffer.from(String(timestamp)), timestamp })
    const sent = driver.sent().filter(({ topic }) => topic === 'out')
    outs.push(...sent.map(({ value }) => Buffer.from(value!).toString()))
    if (timestamp === 89) expect(outs).toEqual(['89-'])
    await driver.close()
  }
  expect(outs).toEqual(['89-', '90-'])
  await broker.close()
})
