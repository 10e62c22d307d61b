/** Riacho's side: `riacho.ts WORKLOAD --bootstrap HOST:PORT [--guarantee exactly-once] [--commit MS]`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { kafka } from '@riacho/kafka'
import { type AppOptions, app } from '@riacho/runtime'
import { answerPasses, Mark, type Pass } from './passes.ts'
import { expectedOf, remove } from './topics.ts'
import { type Workload, workloads } from './workloads.ts'

/** How an application is run. */
export type Configuration = Required<Pick<AppOptions, 'guarantee' | 'commitIntervalMs'>>

let passes = 0

/** Runs an application over the whole input: from its first record until everything is committed. */
export async function pass(bootstrap: string, workload: Workload, configuration: Configuration): Promise<Omit<Pass, 'verify'>> {
  const broker = await kafka({ brokers: [bootstrap] })
  try {
    const id = `bench-riacho-${process.pid}-${++passes}`
    const expected = await expectedOf(broker, workload.input)
    const out = `${id}-out`
    if (workload.partitionsOut > 0) await broker.admin.createTopics([{ name: out, partitions: workload.partitionsOut }])
    let seen = 0
    let from: Mark | undefined
    const running = app(
      workload.build(id, out, () => {
        if (seen++ === 0) from = new Mark()
      }),
      { broker, ...configuration },
    )
    await running.start()
    while (seen < expected.records) await Promise.race([sleep(20), running.done])
    await running.stop()
    const used = from!.until(seen)
    if (seen !== expected.records) throw new Error(`${seen} records of ${expected.records}`)
    await workload.verify(broker, out, expected)
    if (workload.partitionsOut > 0) await remove(bootstrap, [out])
    return used
  } finally {
    await broker.close()
  }
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      bootstrap: { type: 'string', default: '' },
      guarantee: { type: 'string', default: 'at-least-once' },
      commit: { type: 'string', default: '30000' },
    },
  })
  const workload = workloads[positionals[0]!]!
  const configuration = { guarantee: values.guarantee as Configuration['guarantee'], commitIntervalMs: Number(values.commit) }
  const told = { ...configuration, isolation: 'read_committed', checkCrc: true, acks: 'all', idempotent: true, compression: 'none' }
  await answerPasses('Riacho', told, () => pass(values.bootstrap, workload, configuration))
}
