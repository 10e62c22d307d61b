import { embedded } from '@riacho/embedded'
import { type KeyValueStore, type KTable, table, text, to, topic, topology, toStream, toTable } from '@riacho/streams'
import { expect, it } from 'vitest'
import { joined, read, take, write } from '../trial.fixture.ts'

const serdes = { key: text, value: text }
const rows: Readonly<Record<string, (headers: boolean) => KTable<string, string>>> = {
  table: headers => table('in', { ...serdes, store: 'rows', headers }),
  toTable: headers => topic('in', serdes).pipe(toTable({ store: 'rows', headers })),
}
const trace = [['trace', Buffer.from('t')]] as const

it.each(Object.keys(rows))('%s keeps headers with its rows where it is told to, through a restart', async name => {
  for (const headers of [true, false]) {
    const broker = await embedded()
    await broker.admin.createTopics(['in', 'out'].map(topic => ({ name: topic, partitions: 1 })))
    await write(broker, 'in', { key: 'k', value: 'v', headers: trace })
    const plan = topology('kept', rows[name]!(headers).pipe(toStream(), to('out')))
    const engine = await joined(plan, { broker })
    await take(engine)
    await engine.commitDue(true)
    await engine.close()
    const again = await joined(plan, { broker })
    const [entry] = (again.tasks[0]!.stores.get('rows') as KeyValueStore<string, string>).entries()
    expect(entry).toEqual(['k', { value: 'v', timestamp: 0, ...(headers && { headers: trace }) }])
    const named = async (topic: string): Promise<unknown> => (await read(broker, topic)).map(record => record.headers.map(([each]) => each))
    expect([await named('kept-rows-changelog'), await named('out')]).toEqual([[headers ? ['trace'] : []], [['trace']]])
    await again.close()
  }
})
