import { embedded } from '@riacho/embedded'
import {
  cogroup,
  count,
  int64,
  leftJoin,
  leftJoinStream,
  mapValues,
  reduce,
  table,
  text,
  to,
  topic,
  topology,
  toStream,
} from '@riacho/streams'
import { readDeadLetter } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { joined, read, take, write } from '../trial.fixture.ts'

const source = topic('in', { key: text, value: text })
const refuse = { onError: { deadLetter: 'dead' } }

async function laid() {
  const broker = await embedded()
  await broker.admin.createTopics(['in', 'out', 'dead'].map(name => ({ name, partitions: 1 })))
  return broker
}

it('a dead letter of a record that an aggregate derived holds that record, not the one that came in', async () => {
  const broker = await laid()
  await write(broker, 'in', { key: 'k', value: 'first' }, { key: 'k', value: 'second' })
  const halved = mapValues<string, number | null, number>(n => {
    if (n === 2) throw new Error('two')
    return n ?? 0
  }, refuse)
  const engine = await joined(topology('derived', source.pipe(count('n'), toStream(), halved, to('out', { value: int64 }))), { broker })
  await take(engine)
  await engine.commitDue(true)
  const [dead, ...others] = await read(broker, 'dead')
  expect(others).toEqual([])
  expect([dead!.key, Buffer.from(dead!.value!).toString('hex')]).toEqual(['k', '0000000000000002'])
  expect(readDeadLetter(null, null, dead!.headers)).toMatchObject({
    reason: 'two',
    node: 'mapValues',
    topic: 'in',
    partition: 0,
    offset: -1,
  })
  await engine.close()
})

it('each input of an operator with several has dead letters of its own kind', async () => {
  const broker = await laid()
  await write(broker, 'in', { key: 'k', value: 'plain' })
  const counts = source.pipe(count('n'), toStream())
  const refusing = (): never => {
    throw new Error('no')
  }
  const both = cogroup(
    'both',
    () => '',
    [
      [source, refusing],
      [counts, refusing],
    ],
    { ...refuse, value: text },
  )
  const engine = await joined(topology('derived', both), { broker })
  await take(engine)
  await engine.commitDue(true)
  const dead = await read(broker, 'dead')
  expect(
    dead.map(({ key, raw, headers }) => [key, Buffer.from(raw!).toString('latin1'), readDeadLetter(null, null, headers).offset]),
  ).toEqual([
    ['k', '\0\0\0\0\0\0\0\u0001', -1],
    ['k', 'plain', 0],
  ])
  await engine.close()
})

/** Joins that make the first record wait, until the second lets it out; after an operator that derives records, or not. */
const waiting = {
  leftJoinStream: (refusing: () => string) =>
    source.pipe(
      leftJoinStream('j', topic('other', { key: text, value: text }), refusing, { before: 1, after: 1, grace: 0, emitEvery: 0, ...refuse }),
    ),
  'leftJoin with a grace, derived': (refusing: () => string) =>
    source.pipe(
      reduce<string, string>('last', (_before, now) => now, { value: text }),
      toStream(),
      leftJoin(table('rows', { key: text, value: text, historyRetention: 100 }), refusing, { grace: 10, name: 'g', ...refuse }),
    ),
}

it.each(Object.entries(waiting))(
  '%s: a dead letter of a record that has waited holds that record, not the one that let it out',
  async (_how, join) => {
    const broker = await laid()
    await broker.admin.createTopics(['other', 'rows'].map(name => ({ name, partitions: 1 })))
    await write(broker, 'in', { key: 'waits', value: 'bad', at: 5 }, { key: 'k', value: 'good', at: 100 })
    const refusing = (): never => {
      throw new Error('no')
    }
    const engine = await joined(topology('derived', join(refusing).pipe(to('out', { value: text }))), { broker })
    await take(engine)
    await engine.commitDue(true)
    const dead = await read(broker, 'dead')
    expect(dead.map(({ key, value, headers }) => [key, value, readDeadLetter(null, null, headers).timestamp])).toEqual([
      ['waits', 'bad', 5],
    ])
    await engine.close()
  },
)
