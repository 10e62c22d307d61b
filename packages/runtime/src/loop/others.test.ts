import { embedded } from '@riacho/embedded'
import { mapAsync, text, to, topic, topology } from '@riacho/streams'
import { expect, it } from 'vitest'
import { app } from '../app.ts'
import { numbered, read, until, write } from '../trial.fixture.ts'

async function laid() {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out'].map(name => ({ name, partitions: 2 })))
  return broker
}

const planOf = (done: Promise<void>) =>
  topology(
    'two',
    topic('in', { key: text, value: text }).pipe(
      mapAsync<string, string, string>(value => done.then(() => value)),
      to('out', { value: text }),
    ),
  )

it.each(['at-least-once', 'exactly-once'] as const)('%s: the end is where all members have come to theirs', async guarantee => {
  const broker = await laid()
  const gate = Promise.withResolvers<void>()
  const options = { broker, guarantee, commitIntervalMs: 1 }
  const [first, second] = [app(planOf(Promise.resolve()), options), app(planOf(gate.promise), options)]
  await Promise.all([first.start(), second.start()])
  await until('each has a partition', () => [first, second].every(one => one.metrics().lag.length === 1))
  for (const partition of [0, 1]) await write(broker, 'in', ...numbered(5).map(record => ({ ...record, partition })))
  await until('both work', () => first.metrics().commits > 0 && second.metrics().held === 5)
  const opened = new Promise<void>(resolve => setTimeout(resolve, 200)).then(gate.resolve)
  await first.untilEnd()
  expect((await read(broker, 'out')).length).toBe(10)
  await opened
  await Promise.all([first.stop(), second.stop()])
})

it('transactions that only end leave nothing to do, and neither does a topic that is read from its end', async () => {
  const broker = await laid()
  const producer = await broker.producer({ transactionalId: 'aborts' })
  producer.partition({ topic: 'in', partition: 1 }).append(0, 'a', 'aborted')
  await producer.flush()
  await producer.abort()
  const options = { broker, guarantee: 'exactly-once', commitIntervalMs: 1 } as const
  const both = [1, 2].map(() => app(planOf(Promise.resolve()), options))
  await Promise.all(both.map(one => one.start()))
  await Promise.all(both.map(one => one.untilEnd()))
  await Promise.all(both.map(one => one.stop()))
  await write(broker, 'in', ...numbered(3))
  const late = [1, 2].map(() =>
    app(topology('late', topic('in', { key: text, value: text }).pipe(to('out'))), { ...options, offsetReset: 'latest' }),
  )
  await Promise.all(late.map(one => one.start()))
  await Promise.all(late.map(one => one.untilEnd()))
  await Promise.all(late.map(one => one.stop()))
  expect(await read(broker, 'out')).toEqual([])
})
