import { type EmbeddedBroker, embedded } from '@riacho/embedded'
import { Engine, settings } from '@riacho/runtime'
import type { Topology } from '@riacho/streams'
import type { Broker, RecordCursor, StoreSuppliers } from '@riacho/streams/engine'

/** A broker in memory whose topic `in` holds `count` records; `at` says key, value and time of the i-th. */
export async function loaded(
  count: number,
  at: (i: number) => readonly [key: string, value: string, timestamp: number],
  directory?: string,
): Promise<EmbeddedBroker> {
  const broker = await embedded(directory === undefined ? {} : { directory })
  await broker.admin.createTopics([
    { name: 'in', partitions: 1 },
    { name: 'out', partitions: 1 },
  ])
  const producer = await broker.producer({})
  const writer = producer.partition({ topic: 'in', partition: 0 })
  for (let i = 0; i < count; i++) {
    const [key, value, timestamp] = at(i)
    writer.append(timestamp, key, value)
    if (i % 100_000 === 99_999) await producer.flush()
  }
  await producer.flush()
  await producer.close()
  return broker
}

/** CPU seconds that a topology takes to process all of `in`, committed at the end. */
export async function processed(topology: Topology, broker: Broker, stores?: StoreSuppliers): Promise<number> {
  const engine = new Engine(topology, settings({ broker, ...(stores && { stores }) }))
  await engine.join(
    work => work(),
    () => {},
  )
  const before = process.cpuUsage()
  do {
    await engine.fetch(0)
    engine.process(1000, performance.now() + 10)
    if (engine.failure !== undefined) throw engine.failure
    await engine.commitDue(false)
  } while (engine.tasks.some(task => task.inputs.some(input => input.position < input.end)))
  await engine.commitDue(true)
  const { user, system } = process.cpuUsage(before)
  await engine.close()
  return (user + system) / 1e6
}

/** Walks all records of a topic with read_committed. */
export async function read(broker: Broker, topic: string, each: (cursor: RecordCursor) => void): Promise<void> {
  const at = { topic, partition: 0 }
  const [offsets] = await broker.admin.offsets([at])
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  let position = offsets!.start
  fetcher.add(at, position)
  while (position < offsets!.lastStable) {
    for (const batches of await fetcher.poll(10)) {
      const cursor = batches.cursor()
      while (cursor.next()) each(cursor)
      position = cursor.position
      batches.release()
    }
  }
  fetcher.close()
}

/** Ends a wrong run. */
export function must(right: boolean, what: string): void {
  if (!right) throw new Error(`wrong result: ${what}`)
}
