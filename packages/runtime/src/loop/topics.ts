import {
  type Broker,
  BrokerError,
  internal,
  isLogged,
  partitionCounts,
  RiachoError,
  reasonOf,
  type StoreSpec,
  type TopicSpec,
  type Topology,
  taskCount,
} from '@riacho/streams/engine'
import type { Settings } from '../options.ts'

const day = 86_400_000

/** Nothing of it is deleted before it is read. */
const movedConfig = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'segment.bytes': '52428800',
  'message.timestamp.type': 'CreateTime',
}

/** The topics that an application owns, with Kafka Streams' configurations (`InternalTopicConfig`): repartitions, retries, changelogs, positions of connectors. */
export function internalTopics(plan: Topology, counts: ReadonlyMap<string, number>, additionalRetentionMs = day): readonly TopicSpec[] {
  const specs: TopicSpec[] = []
  for (const part of plan.subTopologies) {
    for (const { repartition } of part.reads) {
      const name = internal.repartition(plan.id, repartition!)
      specs.push({
        name,
        partitions: counts.get(name) ?? 1,
        config: movedConfig,
      })
    }
    for (const name of part.nodes.flatMap(node => (node.retries === undefined ? [] : internal.retry(plan.id, node.retries))))
      specs.push({ name, partitions: taskCount(part, counts), config: movedConfig })
    for (const spec of part.stores) {
      if (!isLogged(plan.sourceLogs, spec)) continue
      specs.push({
        name: internal.changelog(plan.id, spec.name),
        partitions: taskCount(part, counts),
        config: { ...changelogConfig(spec, additionalRetentionMs), 'message.timestamp.type': 'CreateTime' },
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

/** The topics through which an application hands records to itself: repartitions and retries. */
export const passedTopics = (plan: Topology): readonly string[] =>
  plan.subTopologies.flatMap(part => [
    ...part.reads.map(node => internal.repartition(plan.id, node.repartition!)),
    ...part.nodes.flatMap(node => (node.retries === undefined ? [] : internal.retry(plan.id, node.retries))),
  ])

/** Rows that expire are deleted some time after they are, by default a day; a history is kept from compaction for as long (Kafka Streams: `WindowedChangelogTopicConfig`, `VersionedChangelogTopicConfig`). */
function changelogConfig({ kind, retention = 0, duplicates }: StoreSpec, additionalRetentionMs: number): Record<string, string> {
  const kept = String(retention + additionalRetentionMs)
  if (duplicates) return { 'cleanup.policy': 'delete', 'retention.ms': kept }
  if (kind === 'window' || kind === 'session') return { 'cleanup.policy': 'compact,delete', 'retention.ms': kept }
  return { 'cleanup.policy': 'compact', ...(kind === 'versioned' && { 'min.compaction.lag.ms': String(retention + day) }) }
}

/** Topics that an application reads or writes and does not own, as far as its plan names them. */
export function externalTopics(plan: Topology): readonly string[] {
  const named = plan.nodes.flatMap(node => [
    ...(node.source?.topics ?? []),
    ...(typeof node.sink?.topic === 'string' ? [node.sink.topic] : []),
    ...(node.deadLetters ?? []),
  ])
  return [...new Set([...named, ...plan.globals.flatMap(({ source }) => source.topics)])]
}

/** The partitions of each connector by its name. */
export async function connectorPartitions(plan: Topology, { exactlyOnce, log }: Settings): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>()
  for (const node of plan.nodes) {
    const connector = node.source?.connector
    if (connector === undefined) continue
    if (exactlyOnce && connector.positions === 'acknowledged') {
      log({ level: 'warn', message: `source ${connector.name} is acknowledged after the commit: what it reads is at least once` })
    }
    found.set(connector.name, await connector.partitions())
  }
  return found
}

/**
 * Finds out the partition counts of all topics of an application and creates those that it owns. `connectors` are the partitions of each connector by its name. Throws
 * `RIACHO_TOPIC_MISSING` for a topic that it only reads or writes, `RIACHO_TOPIC_PARTITIONS` for one of its own that has other partitions than its plan says.
 */
export async function prepareTopics(
  plan: Topology,
  { broker, crashLoop, replicationFactor, changelogAdditionalRetentionMs }: Settings,
  connectors: ReadonlyMap<string, readonly string[]>,
): Promise<Map<string, number>> {
  const external = new Set(externalTopics(plan))
  if (typeof crashLoop?.onError === 'object') external.add(crashLoop.onError.deadLetter)
  const known = await broker.admin.partitions([...external])
  const missing = [...external].filter(topic => !known.has(topic))
  if (missing.length > 0) {
    const place = { topic: missing[0] }
    throw new RiachoError('RIACHO_TOPIC_MISSING', `the broker has no topic ${missing.join(', ')}: create it first`, { place })
  }
  const positions = [...connectors].map(([name, partitions]) => [internal.positions(plan.id, name), partitions.length] as const)
  const counts = new Map(partitionCounts(plan, new Map([...known, ...positions])))
  const specs = internalTopics(plan, counts, changelogAdditionalRetentionMs).map(spec => ({
    ...spec,
    ...(replicationFactor !== undefined && { replicas: replicationFactor }),
  }))
  await createMissing(broker, specs)
  await checkPartitions(broker, specs)
  for (const spec of specs) counts.set(spec.name, spec.partitions)
  return counts
}

/** Only what is missing is asked for: who may not create topics may find them made. */
async function createMissing(broker: Broker, specs: readonly TopicSpec[]): Promise<void> {
  const found = await broker.admin.partitions(specs.map(({ name }) => name))
  for (const spec of specs.filter(({ name }) => !found.has(name))) {
    try {
      await broker.admin.createTopics([spec])
    } catch (error) {
      if (!(error instanceof BrokerError) || error.retriable) throw error
      const config = Object.entries(spec.config ?? {}).map(([name, value]) => `${name}=${value}`)
      const message = `internal topic ${spec.name} cannot be created (${reasonOf(error)}): let this application create topics, or create it with ${spec.partitions} partitions, ${config.join(', ')}`
      throw new RiachoError('RIACHO_TOPIC_CREATE', message, { cause: error, place: { topic: spec.name } })
    }
  }
}

async function checkPartitions(broker: Broker, specs: readonly TopicSpec[]): Promise<void> {
  const found = await broker.admin.partitions(specs.map(spec => spec.name))
  for (const { name, partitions } of specs) {
    const actual = found.get(name)
    if (actual === partitions) continue
    throw new RiachoError(
      'RIACHO_TOPIC_PARTITIONS',
      `internal topic ${name} has ${actual ?? 'no'} partitions and needs ${partitions}: its source changed; move the data under a new application id`,
      { place: { topic: name } },
    )
  }
}

/** The partitions of a topic that a function chose for a record. Throws `RIACHO_TOPIC_MISSING`. */
export async function partitionsOf(topic: string, broker: Broker): Promise<number> {
  const partitions = (await broker.admin.partitions([topic])).get(topic)
  if (partitions !== undefined) return partitions
  const message = `the broker has no topic ${topic}, which a function chose for a record: create it first, or choose another`
  throw new RiachoError('RIACHO_TOPIC_MISSING', message, { place: { topic } })
}
