import { embedded } from '@riacho/embedded'
import { count, text, to, topic, topology, toStream } from '@riacho/streams'
import { BrokerError, type TopicPartition } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { Line } from '../line.fixture.ts'
import { committed, joined, numbered, take, write } from '../trial.fixture.ts'
import { throwLasting } from './lasting.ts'

const plan = topology('lasting', topic('in', { key: text, value: text }).pipe(count('counts'), toStream(), to('out')))

/** An application whose commit fails once, and what the commit came to. */
async function failing(guarantee: 'at-least-once' | 'exactly-once', code: string, at: TopicPartition | undefined) {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out'].map(name => ({ name, partitions: 1 })))
  await write(broker, 'in', ...numbered(3))
  const line = new Line(broker)
  const engine = await joined(plan, { broker: line.broker, guarantee })
  await take(engine)
  const retriable = code !== 'MESSAGE_TOO_LARGE'
  const failure = new BrokerError(code, 'refused', { retriable, abortable: guarantee === 'exactly-once', at })
  line.failOnce(guarantee === 'exactly-once' ? 'commit' : 'flush', 1, failure)
  const outcome = await engine.commitDue(true).then(
    () => 'went back',
    (error: unknown) => error,
  )
  const { recoveries } = engine.counters
  await engine.close()
  return { outcome, recoveries, failure, offset: await committed(broker, 'lasting', 'in') }
}

it.each(['at-least-once', 'exactly-once'] as const)('%s: what its topic does not take is not tried again', async guarantee => {
  const { outcome, failure, ...rest } = await failing(guarantee, 'MESSAGE_TOO_LARGE', { topic: 'out', partition: 0 })
  expect(outcome).toMatchObject({ code: 'RIACHO_TOO_LARGE', place: { topic: 'out' }, cause: failure })
  expect(rest).toEqual({ recoveries: 0, offset: undefined })
})

it.each([
  ['at-least-once', 'no-more', 0],
  ['exactly-once', 'no-more', 0],
  ['exactly-once', 'out', 1],
] as const)('%s: a partition that is gone (%s, %i) is not tried again', async (guarantee, name, partition) => {
  const { outcome, failure, ...rest } = await failing(guarantee, 'UNKNOWN_TOPIC_OR_PARTITION', { topic: name, partition })
  expect(outcome).toMatchObject({ code: 'RIACHO_TOPIC_MISSING', place: { topic: name }, cause: failure })
  expect(rest).toEqual({ recoveries: 0, offset: undefined })
})

it('a partition that is there again is written to again', async () => {
  const { outcome, recoveries } = await failing('at-least-once', 'UNKNOWN_TOPIC_OR_PARTITION', { topic: 'out', partition: 0 })
  expect([outcome, recoveries]).toEqual(['went back', 1])
})

it('a broker that cannot be asked has not said that a partition is gone', async () => {
  const broker = await embedded()
  const gone = new BrokerError('UNKNOWN_TOPIC_OR_PARTITION', 'gone', { retriable: true, at: { topic: 'none', partition: 0 } })
  await expect(throwLasting(gone, broker)).rejects.toMatchObject({ code: 'RIACHO_TOPIC_MISSING' })
  await broker.close()
  await throwLasting(gone, broker)
})
