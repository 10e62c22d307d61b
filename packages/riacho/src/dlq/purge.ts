import type { Broker } from '@riacho/streams/engine'
import { failure } from '../errors.ts'
import { partitionsOf } from '../read.ts'
import { readLetters } from './letters.ts'
import { Marks } from './marks.ts'

/** Which letters may go: those that were replayed, those put aside before a time, or all. */
export type Purgeable = { readonly replayed: true } | { readonly before: number } | { readonly all: true }

/**
 * Deletes letters from the beginning of each partition up to the first one that has to stay: Kafka deletes nothing from the middle of a topic. Resolves with how many
 * offsets were freed.
 */
export async function purgeLetters(broker: Broker, topic: string, which: Purgeable, signal?: AbortSignal): Promise<number> {
  const offsets = await partitionsOf(broker, topic)
  const marks = await Marks.read(broker, topic)
  const stays = new Map<number, number>()
  await readLetters(
    broker,
    topic,
    {},
    ({ at, failedAt }) => {
      const goes = 'all' in which || ('before' in which ? failedAt < which.before : marks.has(at))
      if (!goes && !stays.has(at.partition)) stays.set(at.partition, at.offset)
      return true
    },
    signal,
  )
  // What was not read might have to stay.
  if (signal?.aborted) throw failure('RIACHO_INTERRUPTED', 'stopped before anything was deleted')
  const ends = offsets.map(({ partition, start, lastStable }) => ({ topic, partition, start, offset: stays.get(partition) ?? lastStable }))
  const freed = ends.filter(({ start, offset }) => offset > start)
  if (freed.length === 0) return 0
  await broker.admin.deleteRecords(freed)
  await forget(broker, topic, marks, freed)
  return freed.reduce((sum, { start, offset }) => sum + offset - start, 0)
}

/** Takes away the marks of letters that are gone. */
async function forget(broker: Broker, topic: string, marks: Marks, freed: readonly { partition: number; offset: number }[]): Promise<void> {
  for (const { partition, offset } of freed) marks.forget(partition, offset)
  const producer = await broker.producer({ transactionalId: `riacho-replay-${topic}` })
  try {
    marks.write(producer)
    await producer.commit()
  } finally {
    await producer.close()
  }
}
