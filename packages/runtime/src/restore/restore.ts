import {
  type Broker,
  type Headers,
  internal,
  noHeaders,
  RiachoError,
  type Store,
  type TopicPartition,
  type Topology,
} from '@riacho/streams/engine'
import type { Settings } from '../options.ts'
import type { EngineTask } from '../task/task.ts'

/** What a walk over the committed records of a partition gives. Views are valid during the call. */
type Each = (key: Uint8Array | null, value: Uint8Array | null, timestamp: number, headers: Headers) => void

/** Rebuilds the stores of a task from their changelogs. Returns how many records that took. */
export async function restore(task: EngineTask, plan: Topology, settings: Settings): Promise<number> {
  let restored = 0
  for (const [name, store] of task.stores) {
    if (plan.stores.get(name)?.logged === false) continue
    restored += await walk(
      settings.broker,
      { topic: internal.changelog(plan.id, name), partition: task.partition },
      settings,
      restoring(store),
    )
    store.committed()
  }
  return restored
}

const restoring =
  (store: Store): Each =>
  (key, value, timestamp, headers) => {
    if (key !== null) store.restore(key, value, timestamp, headers)
  }

/** The position that the last commit gave a connector's partition, or null. */
export async function lastPosition(at: TopicPartition, partition: string, settings: Settings): Promise<Uint8Array | null> {
  let last: Uint8Array | null = null
  await walk(settings.broker, at, settings, (key, value) => {
    if (key !== null && value !== null && Buffer.from(key).toString() === partition) last = Uint8Array.from(value)
  })
  return last
}

/**
 * Reads a partition with read_committed from its beginning until the position reaches the high watermark. The position counts control records and compacted gaps, so
 * a tail without data ends it too; the caller's producer has been opened before, so no transaction of a predecessor is open.
 */
async function walk(broker: Broker, at: TopicPartition, settings: Settings, each: Each): Promise<number> {
  const [offsets] = await broker.admin.offsets([at])
  const end = offsets?.highWatermark ?? 0
  let position = offsets?.start ?? 0
  if (position >= end) return 0
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  fetcher.add(at, position)
  let count = 0
  let progress = settings.clock.now()
  try {
    while (position < end) {
      for (const batches of await fetcher.poll(100)) {
        const cursor = batches.cursor()
        while (cursor.next()) {
          const key = cursor.keyStart < 0 ? null : cursor.keyFrame.subarray(cursor.keyStart, cursor.keyEnd)
          const value = cursor.valueStart < 0 ? null : cursor.valueFrame.subarray(cursor.valueStart, cursor.valueEnd)
          each(key, value, cursor.timestamp, cursor.hasHeaders ? cursor.headers() : noHeaders)
          count++
        }
        if (cursor.position > position) progress = settings.clock.now()
        position = cursor.position
        batches.release()
      }
      if (settings.clock.now() - progress > settings.limits.restoreStallMs) {
        throw new RiachoError(
          'RIACHO_RESTORE_STALLED',
          `restoring from ${at.topic}-${at.partition} stands at offset ${position} of ${end}: is a transaction open there, or the broker away?`,
          { place: at },
        )
      }
    }
  } finally {
    fetcher.close()
  }
  return count
}
