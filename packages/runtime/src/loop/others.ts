import { type Broker, BrokerError, type PartitionOffsets, type TopicPartition, type Topology } from '@riacho/streams/engine'
import type { Settings } from '../options.ts'
import type { EngineTask } from '../task/task.ts'
import { passedTopics } from './topics.ts'

/** Polls of what may be behind a committed offset before it is taken for something. */
const tailPolls = 10
const pollMs = 100

/**
 * Whether the other members of the group have nothing left of what topics hold: each partition that is not one of these tasks' is committed up to its last stable offset. What a
 * connector still holds they know alone.
 */
export async function othersAtEnd(
  plan: Topology,
  counts: ReadonlyMap<string, number>,
  tasks: readonly EngineTask[],
  settings: Settings,
): Promise<boolean> {
  const { admin } = settings.broker
  const own = new Set(tasks.flatMap(task => task.inputs.map(({ at }) => nameOf(at))))
  const others = readBy(plan, counts).filter(({ at }) => !own.has(nameOf(at)))
  if (others.length === 0) return true
  const places = others.map(({ at }) => at)
  const ends = await admin.offsets(places)
  const committed = await stable(admin.committed(plan.id, places))
  if (committed === undefined) return false
  const offsets = new Map(committed.map(each => [nameOf(each), each.offset]))
  for (const [i, { at, reset }] of others.entries()) {
    const policy = reset ?? settings.offsetReset
    const from = offsets.get(nameOf(at)) ?? (policy === 'earliest' ? ends[i]!.start : Number.POSITIVE_INFINITY)
    if (from < ends[i]!.lastStable && (await holdsRecords(settings.broker, ends[i]!, Math.max(from, ends[i]!.start)))) return false
  }
  return true
}

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`

/** All partitions that the group reads, with the policies of their sources. */
function readBy(plan: Topology, counts: ReadonlyMap<string, number>) {
  const resets = new Map(plan.nodes.flatMap(({ source }) => (source?.topics ?? []).map(topic => [topic, source!.offsetReset] as const)))
  for (const topic of passedTopics(plan)) resets.set(topic, 'earliest')
  const read = new Set(plan.subTopologies.flatMap(part => part.topics))
  return [...resets]
    .filter(([topic]) => read.has(topic))
    .flatMap(([topic, reset]) => Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ at: { topic, partition }, reset })))
}

/** Offsets that are in a transaction now are not committed yet. */
const stable = <T>(asked: Promise<T>): Promise<T | undefined> =>
  asked.catch((error: unknown) => {
    if (error instanceof BrokerError && error.retriable) return undefined
    throw error
  })

/** Whether a reader of committed records sees any from this offset on: what ends transactions takes offsets, too. */
async function holdsRecords(broker: Broker, { topic, partition, lastStable }: PartitionOffsets, from: number): Promise<boolean> {
  const fetcher = broker.fetcher({ isolation: 'read_committed' })
  fetcher.add({ topic, partition }, from)
  try {
    let position = from
    for (let poll = 0; poll < tailPolls && position < lastStable; poll++) {
      for (const slice of await fetcher.poll(pollMs)) {
        const cursor = slice.cursor()
        const found = cursor.next()
        position = cursor.position
        slice.release()
        if (found) return true
      }
    }
    return position < lastStable
  } finally {
    fetcher.close()
  }
}
