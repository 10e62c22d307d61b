import {
  internal,
  isLogged,
  type Node,
  NotReady,
  noHeaders,
  type RecordCursor,
  RiachoError,
  reasonOf,
  type Store,
  type TopicPartition,
  type Topology,
} from '@riacho/streams/engine'
import type { Settings } from '../options.ts'
import { Decoder } from '../task/decoder.ts'
import type { EngineTask } from '../task/task.ts'

/** What a restore needs of its engine. */
export interface RestoreHome {
  readonly plan: Topology
  readonly settings: Settings
  /** Awaited now and then: a restore may take longer than a group waits for a member of whom nothing is heard. It rejects when nobody wants the task any more. */
  goOn(): Promise<void>
}

/** Rebuilds the stores of a task from their changelogs. `committed`: how far the task has read its topics. Returns how many records that took. */
export async function restore(
  task: EngineTask,
  home: RestoreHome,
  committed: ReadonlyMap<string, { readonly offset: number }>,
): Promise<number> {
  const { plan } = home
  let restored = 0
  for (const [name, store] of task.stores) {
    const table = plan.sourceLogs.get(name)
    if (table !== undefined) restored += await reread(task, store, table, home, committed)
    else if (isLogged(plan.sourceLogs, plan.stores.get(name)!))
      restored += await walk({ topic: internal.changelog(plan.id, name), partition: task.partition }, home, restoring(store))
    store.committed()
  }
  return restored
}

/** Takes one changelog record back. Views are valid during the call. */
const restoring =
  (store: Store): Each =>
  cursor => {
    const key = keyIn(cursor)
    if (key === null) return undefined
    try {
      store.restore(key, valueIn(cursor), cursor.timestamp, cursor.hasHeaders ? cursor.headers() : noHeaders)
    } catch (thrown) {
      if (thrown instanceof NotReady) return thrown.until
      throw thrown
    }
    return undefined
  }

/**
 * Takes a table back from the topic that it reads: as far as the task has committed, beyond that it will be read anew. What was refused or skipped at first is skipped
 * again, and a record's time is read from it again.
 */
async function reread(
  task: EngineTask,
  store: Store,
  { label, source }: Node,
  home: RestoreHome,
  committed: ReadonlyMap<string, { readonly offset: number }>,
): Promise<number> {
  const [topic] = source!.topics
  const offset = committed.get(topic!)?.offset
  if (offset === undefined) return 0
  const quiet = { drop: () => {}, deadLetter: () => {}, tell: () => {}, now: () => home.settings.clock.now(), position: () => null }
  const decoder = new Decoder(label, source!, quiet, false, false)
  const each: Each = cursor => {
    if (!decoder.take(cursor)) return decoder.awaited()
    const { value, timestamp } = decoder.record!
    decoder.taken(timestamp)
    const key = keyIn(cursor)
    // A JSON null has bytes, and is no row.
    if (key !== null)
      store.restore(key, value === null ? null : valueIn(cursor), timestamp, cursor.hasHeaders ? cursor.headers() : noHeaders)
    return undefined
  }
  return walk({ topic: topic!, partition: task.partition }, home, each, offset)
}

/** The position that the last commit gave a connector's partition, or null. */
export async function lastPosition(at: TopicPartition, partition: string, home: RestoreHome): Promise<Uint8Array | null> {
  let last: Uint8Array | null = null
  await walk(at, home, cursor => {
    const [key, value] = [keyIn(cursor), valueIn(cursor)]
    if (key !== null && value !== null && Buffer.from(key).toString() === partition) last = Uint8Array.from(value)
    return undefined
  })
  return last
}

/** Is shown each committed record of a partition. A record that lacks something which is fetched is shown again after what this returns. */
type Each = (cursor: RecordCursor) => Promise<void> | undefined

const keyIn = ({ keyFrame, keyStart, keyEnd }: RecordCursor): Uint8Array | null =>
  keyStart < 0 ? null : keyFrame.subarray(keyStart, keyEnd)
const valueIn = ({ valueFrame, valueStart, valueEnd }: RecordCursor): Uint8Array | null =>
  valueStart < 0 ? null : valueFrame.subarray(valueStart, valueEnd)

/**
 * Reads a partition with read_committed from its beginning until the position reaches the high watermark, or `before`. The position counts control records and compacted gaps, so
 * a tail without data ends it too; the caller's producer has been opened before, so no transaction of a predecessor is open.
 */
async function walk(at: TopicPartition, home: RestoreHome, each: Each, before = Number.POSITIVE_INFINITY): Promise<number> {
  const { settings } = home
  const { broker } = settings
  const [offsets] = await broker.admin.offsets([at])
  const end = Math.min(before, offsets?.highWatermark ?? 0)
  let position = offsets?.start ?? 0
  if (position >= end) return 0
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  fetcher.add(at, position)
  let count = 0
  let progress = settings.clock.now()
  try {
    while (position < end) {
      progress += await went(home)
      for (const batches of await fetcher.poll(100)) {
        try {
          const cursor = batches.cursor()
          while (cursor.next() && cursor.offset < end) {
            const until = show(cursor, each, at)
            if (until !== undefined) {
              await showAgain(
                until,
                () => show(cursor, each, at),
                home,
                () => stalled(at, cursor.offset, end),
              )
              progress = settings.clock.now()
            }
            count++
          }
          if (cursor.position > position) progress = settings.clock.now()
          position = cursor.position
        } finally {
          batches.release()
        }
      }
      if (settings.clock.now() - progress > settings.limits.restoreStallMs) throw stalled(at, position, end)
    }
  } finally {
    fetcher.close()
  }
  return count
}

/** Lets the engine go on. How long that took is no time in which the restore stood still. */
async function went({ settings: { clock }, goOn }: RestoreHome): Promise<number> {
  const began = clock.now()
  await goOn()
  return clock.now() - began
}

/** Shows a record that waits until it is taken, for a limited time. */
async function showAgain(
  first: Promise<void>,
  show: () => Promise<void> | undefined,
  home: RestoreHome,
  stalled: () => RiachoError,
): Promise<void> {
  const { clock, limits } = home.settings
  let began = clock.now()
  for (let until: Promise<void> | undefined = first; until !== undefined; until = show()) {
    if (clock.now() - began > limits.restoreStallMs) throw stalled()
    await until
    began += await went(home)
  }
}

function stalled(at: TopicPartition, position: number, end: number): RiachoError {
  const why = 'is a transaction open there, or the broker away, or the schema registry?'
  const message = `restoring from ${at.topic}-${at.partition} stands at offset ${position} of ${end}: ${why}`
  return new RiachoError('RIACHO_RESTORE_STALLED', message, { place: at })
}

/** Shows a record. What it is refused with says which record it was. */
function show(cursor: RecordCursor, each: Each, { topic, partition }: TopicPartition): Promise<void> | undefined {
  try {
    return each(cursor)
  } catch (thrown) {
    const { offset } = cursor
    const message = `the record at offset ${offset} of ${topic}-${partition} cannot be restored: ${reasonOf(thrown)}`
    throw new RiachoError(thrown instanceof RiachoError ? thrown.code : 'RIACHO_DECODE', message, {
      cause: thrown,
      place: { topic, partition, offset },
    })
  }
}
