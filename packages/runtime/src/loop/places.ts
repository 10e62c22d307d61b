import { type SubTopology, type TopicPartition, type Topology, taskCount } from '@riacho/streams/engine'

/** Where a task is in its plan. */
export interface Place {
  readonly id: string
  readonly part: SubTopology
  readonly partition: number
}

/** The tasks that read any of these partitions, in order. `counts`: partitions by topic. */
export function placesOf(partitions: readonly TopicPartition[], plan: Topology, counts: ReadonlyMap<string, number>): readonly Place[] {
  const found = new Map<string, Place>()
  for (const { topic, partition } of partitions) {
    for (const part of plan.subTopologies) {
      const id = `${part.index}_${partition}`
      if (part.topics.includes(topic) && partition < taskCount(part, counts)) found.set(id, { id, part, partition })
    }
  }
  return [...found.values()].sort((a, b) => a.part.index - b.part.index || a.partition - b.partition)
}
