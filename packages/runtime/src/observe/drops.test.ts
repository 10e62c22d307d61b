import { embedded } from '@riacho/embedded'
import { filter, globalTable, lookup, text, to, topic, topology } from '@riacho/streams'
import { FakeClock } from '@riacho/testing'
import { expect, it } from 'vitest'
import type { AppEvent } from '../options.ts'
import { joined, take, write } from '../trial.fixture.ts'

const texts = { key: text, value: text }
const picky = filter<string, string>(
  value => {
    if (value === 'bad') throw new Error('bad')
    return true
  },
  { onError: 'skip' },
)
const nothing = globalTable('whole', texts)
const plan = topology(
  'dropping',
  topic('in', texts).pipe(
    picky,
    lookup(
      nothing,
      value => value,
      (_, row) => row,
    ),
    to('out', texts),
  ),
)

it('tells of the first of each reason, with its place, once a minute and task: a warning unless the plan asks for it', async () => {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out', 'whole'].map(name => ({ name, partitions: 2 })))
  const clock = new FakeClock(0)
  const told: AppEvent[] = []
  const engine = await joined(plan, { broker, clock, log: event => event.reason !== undefined && told.push(event) })
  const dropped = async (...values: readonly string[]): Promise<readonly unknown[]> => {
    await write(broker, 'in', ...values.map(value => ({ key: 'k', value, partition: value === 'other' ? 1 : 0 })))
    await take(engine)
    engine.punctuate()
    return told.splice(0).map(({ level, message, task, topic, partition, offset }) => [level, message, task, topic, partition, offset])
  }
  expect(await dropped('bad', 'bad', 'none', 'bad', 'other')).toEqual([
    ['warn', 'a record was dropped: processing', '0_0', 'in', 0, 0],
    ['info', 'a record was dropped: no-match', '0_0', 'in', 0, 2],
    ['info', 'a record was dropped: no-match', '0_1', 'in', 1, 0],
  ])
  clock.advance(59_999)
  expect(await dropped('bad', 'none')).toEqual([])
  clock.advance(1)
  engine.punctuate()
  expect(await dropped('none', 'bad', 'none')).toEqual([
    ['info', 'a record was dropped: no-match', '0_0', 'in', 0, 6],
    ['warn', 'a record was dropped: processing', '0_0', 'in', 0, 7],
  ])
  expect(engine.counters.dropped).toEqual({ processing: 5, 'no-match': 5 })
  await engine.close()
})
