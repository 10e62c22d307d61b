import { Admin } from '@platformatic/kafka'
import type { Broker, RecordCursor } from '@riacho/streams/engine'

/** What an input topic holds, as its generator says in the topic `bench-manifest`. */
export interface Expected {
  readonly records: number
  readonly partitions: number
  readonly bids: number
  readonly q2: number
  readonly priceSum: number
}

/** The topic whose keys are names of topics and whose values are what they hold. */
export const manifest = 'bench-manifest'

/** Reads every committed record of a topic once, also of transactions whose commit was answered and whose markers are still being written. */
export async function scan(broker: Broker, topic: string, each: (cursor: RecordCursor) => void): Promise<void> {
  const count = (await broker.admin.partitions([topic])).get(topic) ?? 0
  const ends = await broker.admin.offsets(Array.from({ length: count }, (_, partition) => ({ topic, partition })))
  const left = new Map(ends.filter(end => end.start < end.highWatermark).map(end => [end.partition, end.highWatermark]))
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  for (const end of ends) if (left.has(end.partition)) fetcher.add(end, end.start)
  while (left.size > 0) {
    for (const batches of await fetcher.poll(1000)) {
      const cursor = batches.cursor()
      while (cursor.next()) each(cursor)
      if (cursor.position >= (left.get(batches.partition) ?? 0)) left.delete(batches.partition)
      batches.release()
    }
  }
  fetcher.close()
}

/** What a topic holds. */
export async function expectedOf(broker: Broker, topic: string): Promise<Expected> {
  let found: Expected | undefined
  await scan(broker, manifest, cursor => {
    if (cursor.keyFrame.utf8Slice(cursor.keyStart, cursor.keyEnd) === topic)
      found = JSON.parse(cursor.valueFrame.utf8Slice(cursor.valueStart, cursor.valueEnd)) as Expected
  })
  if (found === undefined) throw new Error(`the topic ${topic} was not generated`)
  return found
}

/** Deletes topics: each pass writes some hundred megabytes. */
export async function remove(bootstrap: string, topics: string[]): Promise<void> {
  const admin = new Admin({ clientId: 'bench', bootstrapBrokers: [bootstrap] })
  try {
    await admin.deleteTopics({ topics })
  } finally {
    await admin.close()
  }
}
