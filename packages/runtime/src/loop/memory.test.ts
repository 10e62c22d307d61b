import { embedded } from '@riacho/embedded'
import { merge, text, to, topic, topology } from '@riacho/streams'
import { expect, it } from 'vitest'
import { settings } from '../options.ts'
import { Engine } from './engine.ts'

it('fills only empty queues once memoryBytesMax is reached, so that no input starves another', async () => {
  const broker = await embedded()
  await broker.admin.createTopics(['a', 'b', 'out'].map(name => ({ name, partitions: 1 })))
  const producer = await broker.producer({ batchBytesMax: 1000 })
  const write = async (name: string): Promise<void> => {
    for (let i = 0; i < 100; i++) producer.partition({ topic: name, partition: 0 }).append(i, 'k', 'x'.repeat(500))
    await producer.flush()
  }
  const options = { key: text, value: text }
  const engine = new Engine(
    topology('bounded', merge(topic('a', options), topic('b', options)).pipe(to('out'))),
    settings({ broker, limits: { memoryBytesMax: 1000 } }),
  )
  await engine.join(
    work => work(),
    () => {},
  )
  await write('a')
  await engine.fetch(0)
  const queued = engine.bufferedBytes
  expect(queued).toBeGreaterThan(1000)
  await write('a')
  await engine.fetch(0)
  expect(engine.bufferedBytes).toBe(queued)
  await write('b')
  await engine.fetch(0)
  expect(engine.bufferedBytes).toBeGreaterThan(queued)
  while (!(await engine.atEnd())) {
    engine.process(1000, Number.POSITIVE_INFINITY)
    await engine.commitDue(true)
    await engine.fetch(0)
  }
  expect(engine.counters.recordsOut).toBe(300)
  await engine.close()
})
