import { embedded } from '@riacho/embedded'
import { count, mapValues, rekey, text, to, topic, topology, toStream } from '@riacho/streams'
import { partitionOf } from '@riacho/streams/engine'
import { expect, it } from 'vitest'
import { app } from '../app.ts'
import { joined, read, take, write } from '../trial.fixture.ts'
import { ChosenTopics } from './chosen-topics.ts'

const source = topic('in', { key: text, value: text })

async function laid(partitions: number) {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out', 'dead'].map(name => ({ name, partitions })))
  return broker
}

it('a repartition moves each record to its key’s partition and drops null keys', async () => {
  const broker = await laid(3)
  const words = source.pipe(
    rekey('word', value => (value === '' ? null : value) as string),
    count('words'),
    toStream(),
    to('out'),
  )
  const given = ['red', 'blue', '', 'red', 'green', '', 'blue', 'red']
  await write(broker, 'in', ...given.map((value, i) => ({ key: 'k', value, partition: i % 3, at: i })))
  const running = app(topology('moved', words), { broker, guarantee: 'exactly-once' })
  await running.start()
  await running.untilEnd()
  const { dropped } = running.metrics()
  await running.stop()
  const moved = await read(broker, 'moved-word-repartition')
  expect(moved.map(row => row.key).sort()).toEqual(given.filter(value => value !== '').sort())
  for (const row of moved) expect(row.partition).toBe(partitionOf(Buffer.from(row.key!), 3))
  const counts = new Map((await read(broker, 'out')).map(row => [row.key, Buffer.from(row.value!).at(-1)]))
  expect([Object.fromEntries(counts), dropped]).toEqual([{ red: 3, blue: 2, green: 1 }, {}])
})

it('null keys go to partitions in turn, keys to their own', async () => {
  const broker = await laid(3)
  await write(broker, 'in', ...Array.from({ length: 9 }, (_, i) => ({ key: i < 6 ? null : 'same', value: String(i) })))
  const engine = await joined(topology('turns', source.pipe(to('out'))), { broker })
  await take(engine)
  await engine.commitDue(true)
  const rows = await read(broker, 'out')
  expect([0, 1, 2].map(partition => rows.filter(row => row.partition === partition && row.key === null).length)).toEqual([2, 2, 2])
  expect(new Set(rows.filter(row => row.key === 'same').map(row => row.partition)).size).toBe(1)
  await engine.close()
})

it('a chosen partition that does not exist, and a value that its serde refuses, stop the task with the reason', async () => {
  const broker = await laid(2)
  await write(broker, 'in', { key: 'k', value: 'v' })
  const far = await joined(topology('far', source.pipe(to('out', { partition: () => 2 }))), { broker })
  await expect(take(far)).rejects.toMatchObject({ code: 'RIACHO_OPTION' })
  await far.close()
  const broken = mapValues<string, string, string>(() => 5 as never)
  const refused = await joined(topology('refused', source.pipe(broken, to('out', { value: text }))), { broker })
  await expect(take(refused)).rejects.toMatchObject({
    code: 'RIACHO_ENCODE',
    message: expect.stringContaining('a value for out'),
    place: { node: 'out', topic: 'in', partition: 0, offset: 0 },
  })
  await refused.close()
})

it('dead letters without a key go to partitions in turn, too', async () => {
  const broker = await laid(3)
  const broken = mapValues<string, string, string>(
    () => {
      throw new Error('no')
    },
    { onError: { deadLetter: 'dead' } },
  )
  await write(broker, 'in', ...Array.from({ length: 6 }, (_, i) => ({ key: null, value: String(i) })))
  const engine = await joined(topology('letters', source.pipe(broken)), { broker })
  await take(engine)
  await engine.commitDue(true)
  const rows = await read(broker, 'dead')
  expect([0, 1, 2].map(partition => rows.filter(row => row.partition === partition).length)).toEqual([2, 2, 2])
  await engine.close()
})

it('a chosen topic has the partitions that the broker says, and keeps the order of a key', async () => {
  const broker = await laid(3)
  await broker.admin.createTopics([{ name: 'chosen', partitions: 4 }])
  const given = Array.from({ length: 40 }, (_, i) => ({ key: `k${i % 8}`, value: String(i) }))
  await write(broker, 'in', ...given)
  const running = app(topology('choosing', source.pipe(to(({ value }) => (Number(value) % 2 === 0 ? 'chosen' : 'out')))), {
    broker,
    guarantee: 'exactly-once',
  })
  await running.start()
  await running.untilEnd()
  await running.stop()
  const rows = await read(broker, 'chosen')
  expect(rows).toHaveLength(20)
  for (const row of rows) expect(row.partition).toBe(partitionOf(Buffer.from(row.key!), 4))
  for (const key of ['k0', 'k2', 'k4', 'k6']) {
    const numbers = rows.filter(row => row.key === key).map(row => Number(row.value))
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  }
})

it('stops feeding at waitingMax records whose topic is not known yet, and stops the task when it cannot be asked for', async () => {
  const failures: unknown[] = []
  const topics = new ChosenTopics(
    () => Promise.reject(new Error('away')),
    error => failures.push(error),
  )
  for (let i = 0; i < 999; i++) topics.wait('t', () => {})
  expect(topics.full).toBe(false)
  topics.wait('t', () => {})
  expect(topics.full).toBe(true)
  await new Promise(resolve => setImmediate(resolve))
  expect(failures).toMatchObject([{ message: 'away' }])
})

it('a function that chooses no topic stops the task with the reason', async () => {
  const broker = await laid(1)
  await write(broker, 'in', { key: 'k', value: 'v' })
  const engine = await joined(topology('none', source.pipe(to(() => undefined as unknown as string))), { broker })
  await expect(take(engine)).rejects.toMatchObject({ code: 'RIACHO_PROCESSING', message: expect.stringContaining("return a topic's name") })
  await engine.close()
})
