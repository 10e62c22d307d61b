import { internal, type TopicSpec, type Topology, taskCount } from '@riacho/streams/engine'

const day = 86_400_000

/** The topics that an application owns, with Kafka Streams' configurations (`InternalTopicConfig`): repartitions, changelogs, positions of connectors. */
export function internalTopics(plan: Topology, counts: ReadonlyMap<string, number>): readonly TopicSpec[] {
  const specs: TopicSpec[] = []
  for (const part of plan.subTopologies) {
    for (const { repartition } of part.reads) {
      const name = internal.repartition(plan.id, repartition!.name)
      specs.push({
        name,
        partitions: counts.get(name) ?? 1,
        config: { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'segment.bytes': '52428800', 'message.timestamp.type': 'CreateTime' },
      })
    }
    for (const spec of part.stores) {
      const windowed: Record<string, string> =
        spec.kind === 'window'
          ? { 'cleanup.policy': 'compact,delete', 'retention.ms': String((spec.retention ?? 0) + day) }
          : { 'cleanup.policy': 'compact' }
      specs.push({
        name: internal.changelog(plan.id, spec.name),
        partitions: taskCount(part, counts),
        config: { ...windowed, 'message.timestamp.type': 'CreateTime' },
      })
    }
    for (const node of part.nodes) {
      if (node.source?.connector === undefined) continue
      const name = internal.positions(plan.id, node.source.connector.name)
      specs.push({ name, partitions: counts.get(name) ?? 1, config: { 'cleanup.policy': 'compact' } })
    }
  }
  return specs
}
