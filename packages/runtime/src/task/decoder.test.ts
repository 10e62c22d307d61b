import { embedded } from '@riacho/embedded'
import { json, text, to, topic, topology, validate } from '@riacho/streams'
import { expect, it } from 'vitest'
import { joined, take, values, write } from '../trial.fixture.ts'

it('a JSON null is a value, for its schema to judge; a record without a value is dropped and counted', async () => {
  const broker = await embedded({ poisonLoans: true })
  await broker.admin.createTopics(['in', 'out', 'dead'].map(name => ({ name, partitions: 1 })))
  await write(broker, 'in', { key: 'a', value: 'null' }, { key: 'b', value: null }, { key: 'c', value: '{}' })
  const object = { '~standard': { validate: (value: unknown) => (value === null ? { issues: [{ message: 'is null' }] } : { value }) } }
  const lines = topic('in', { key: text, value: json<unknown>() })
  const engine = await joined(topology('nulls', lines.pipe(validate(object, { onError: { deadLetter: 'dead' } }), to('out'))), { broker })
  await take(engine)
  await engine.commitDue(true)
  expect([await values(broker, 'dead'), await values(broker, 'out')]).toEqual([['null'], ['{}']])
  expect(engine.counters.dropped).toEqual({ 'null-value': 1 })
  await engine.close()
})
