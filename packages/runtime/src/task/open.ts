import type { StreamRecord } from '@riacho/streams'
import {
  BrokerError,
  type CommitMetadata,
  decodeCommitMetadata,
  type Emit,
  internal,
  type Node,
  type Producer,
  RiachoError,
  reasonOf,
  type SourceFacts,
  type SubTopology,
  type Topology,
} from '@riacho/streams/engine'
import type { GlobalTables } from '../global/global-tables.ts'
import { checkTimes } from '../loop/limits.ts'
import type { Counters } from '../observe/counters.ts'
import type { Settings } from '../options.ts'
import { lastPosition, type RestoreHome, restore } from '../restore/restore.ts'
import { type Composed, compose } from './compose.ts'
import { ConnectorReader } from './connector.ts'
import { CrashGuard, startsMark } from './crash-guard.ts'
import { Decoder } from './decoder.ts'
import { Input } from './input.ts'
import { closeStores, type KeptStore } from './kept-store.ts'
import { resetPosition } from './reset.ts'
import { EngineTask } from './task.ts'

/** What opening a task needs of its engine. */
export interface OpenContext extends RestoreHome {
  readonly counters: Counters
  readonly counts: ReadonlyMap<string, number>
  /** Partitions of each connector by its name. */
  readonly connectors: ReadonlyMap<string, readonly string[]>
  readonly globals: GlobalTables | undefined
  lookUp(topic: string): Promise<void>
  wake(): void
}

/** What a task that goes back to its last commit leaves to itself. */
export interface Before {
  /** Its stores, when they hold what the last commit does. */
  readonly kept: ReadonlyMap<string, KeptStore> | undefined
  /** Its start is counted: going back is no further one. */
  readonly counted: boolean
}

/** A task that is ready to run. */
export interface OpenTask {
  readonly task: EngineTask
  readonly readers: readonly ConnectorReader[]
}

/**
 * Takes over a task: its producer first, which fences a predecessor and ends what that left open; then the committed offsets (requireStable), the nodes, the stores
 * from their changelogs (or kept, as they were at the last commit), and the inputs at the committed positions.
 */
export async function openTask(part: SubTopology, partition: number, context: OpenContext, before?: Before): Promise<OpenTask> {
  const { settings } = context
  for (let failures = 1; ; failures++) {
    try {
      await context.goOn()
      return await openOnce(part, partition, context, before)
    } catch (error) {
      // What a restore would read may be deleted meanwhile: then it begins anew.
      const passing = error instanceof BrokerError && (error.retriable || error.code === 'OFFSET_OUT_OF_RANGE')
      if (!passing || failures > failedOpensMax) {
        closeStores(before?.kept)
        throw error
      }
      const message = `task ${part.index}_${partition} could not be opened, trying again: ${reasonOf(error)}`
      settings.log({ level: 'warn', message, failures })
      await settings.clock.sleep(100 * 2 ** failures)
    }
  }
}

/** Times that a task is opened again after a failure that the broker calls passing. */
const failedOpensMax = 5

async function openOnce(part: SubTopology, partition: number, context: OpenContext, before?: Before): Promise<OpenTask> {
  const producers = await openProducers(`${context.plan.id}-${part.index}_${partition}`, context.settings)
  try {
    return await openWith(producers, part, partition, context, before)
  } catch (error) {
    await Promise.allSettled([producers.producer.close(), producers.changelog.close()])
    throw error
  }
}

async function openWith(
  producers: Producers,
  part: SubTopology,
  partition: number,
  context: OpenContext,
  before?: Before,
): Promise<OpenTask> {
  const { plan, settings } = context
  const own = ownTopics(part, partition, context)
  const committed = await settings.broker.admin.committed(
    plan.id,
    own.map(topic => ({ topic, partition })),
  )
  const known = new Map(committed.map(offset => [offset.topic, { offset: offset.offset, ...decodeCommitMetadata(offset.metadata) }]))
  const times = new Map<string, number>()
  for (const { times: kept } of known.values()) for (const [label, time] of kept) times.set(label, Math.max(time, times.get(label) ?? -1))
  const kept = before?.kept
  const starts = Math.max(0, (times.get(startsMark) ?? 0) - (before?.counted ? 1 : 0))
  times.delete(startsMark)
  const guard = settings.crashLoop && new CrashGuard(settings.crashLoop, starts)
  const task = new EngineTask({ ...context, part, partition, ...producers, times, kept, guard })
  try {
    return { task, readers: await filled(task, context, known, kept === undefined) }
  } catch (error) {
    if (kept === undefined) closeStores(task.kept)
    throw error
  }
}

/** The topics of a part that have this partition. */
const ownTopics = (part: SubTopology, partition: number, { counts }: OpenContext): readonly string[] =>
  part.topics.filter(topic => partition < (counts.get(topic) ?? 0))

/** What a task has committed of one of its topics. */
type Committed = ReadonlyMap<string, CommitMetadata & { readonly offset: number }>

/** Composes the nodes of a task, fills its stores if they are `fresh`, and makes its inputs. Returns the readers of its connectors. */
async function filled(task: EngineTask, context: OpenContext, known: Committed, fresh: boolean): Promise<readonly ConnectorReader[]> {
  const { plan, settings } = context
  const { part, partition } = task
  const own = ownTopics(part, partition, context)
  const entrances = compose(plan, part, task)
  checkTimes(task, settings.keepStreamTime)
  // All of them before the restore: a processor may ask for its store only when a record comes.
  for (const spec of part.stores) task.store(spec)
  const restored = fresh ? await restore(task, context, known) : 0
  if (restored > 0) settings.log({ level: 'info', message: 'state restored', task: task.id, records: restored })
  const positions: [NonNullable<SourceFacts['connector']>, string, Uint8Array | null, Input][] = []
  for (const { node, topic, facts, emit, unread, delayed = false } of inputsOf(plan, entrances)) {
    if (!own.includes(topic)) continue
    const { connector } = facts
    const name = connector === undefined ? topic : connector.name
    const at = { topic, partition }
    const ends = connector === undefined ? (await settings.broker.admin.offsets([at]))[0] : undefined
    const offsetReset = facts.offsetReset ?? settings.offsetReset
    const committed = known.get(topic)?.offset
    const start = committed ?? (ends === undefined ? 0 : resetPosition(offsetReset, ends))
    const decoder = new Decoder(node.label, facts, task, settings.strict, unread)
    const input = new Input(at, name, { decoder, emit: counted(emit, node.label, context.counters) }, start)
    input.offsetReset = offsetReset
    // Once it has begun at the end it goes on from there, though it dies before its first record.
    if (committed === undefined && offsetReset === 'latest') task.dirty = true
    input.end = ends?.lastStable ?? 0
    input.partitionTime = known.get(topic)?.partitionTime ?? -1
    task.streamTime = Math.max(task.streamTime, input.partitionTime)
    input.delayed = delayed
    task.add(input)
    if (connector !== undefined) {
      const source = context.connectors.get(name)![partition]!
      positions.push([connector, source, await lastPosition(at, source, context), input])
    }
  }
  const home = { recordsMax: settings.limits.connectorRecordsMax, clock: settings.clock, log: settings.log, wake: context.wake }
  // None of them before nothing can fail any more: it would stay open.
  return positions.map(([connector, source, position, input]) => new ConnectorReader(connector, source, position, input, home))
}

interface Producers {
  readonly producer: Producer
  readonly changelog: Producer
}

/** Exactly once one transactional producer; at least once a second one for changelogs, which waits for its flush. */
async function openProducers(transactionalId: string, { broker, exactlyOnce, limits }: Settings): Promise<Producers> {
  if (exactlyOnce) {
    const producer = await broker.producer({ transactionalId, transactionTimeout: limits.transactionTimeoutMs })
    return { producer, changelog: producer }
  }
  return { producer: await broker.producer({}), changelog: await broker.producer({ holdUntilFlush: true }) }
}

interface Way {
  readonly node: Node
  readonly topic: string
  readonly facts: SourceFacts
  readonly emit: Emit<StreamRecord<unknown, unknown>>
  /** Nobody looks at its values. */
  readonly unread: boolean
  /** Its records wait until their time has come. */
  readonly delayed?: true
}

/** The inputs of a part: each topic once, whoever reads it, and each repartition and retry topic that it reads. */
function inputsOf(plan: Topology, { sources, reads, returns }: Composed): readonly Way[] {
  const ways = new Map<string, Way>()
  for (const [node, emit] of sources) {
    const facts = node.source!
    for (const topic of facts.connector === undefined ? facts.topics : [internal.positions(plan.id, facts.connector.name)]) {
      const other = ways.get(topic)
      if (other !== undefined) checkSame(other.facts, facts, topic)
      const both = other === undefined ? emit : both_(other.emit as Emit, emit)
      ways.set(topic, { node, topic, facts, emit: both as Way['emit'], unread: plan.unread.has(node) && (other?.unread ?? true) })
    }
  }
  for (const [node, emit] of reads) {
    const topic = internal.repartition(plan.id, node.repartition!)
    const facts = ownFacts(topic, node.repartition!)
    ways.set(topic, { node, topic, facts, emit: emit as Way['emit'], unread: plan.unread.has(node) })
  }
  for (const [node, emit] of returns) {
    for (const topic of internal.retry(plan.id, node.retries!))
      ways.set(topic, { node, topic, facts: ownFacts(topic, node.retries!), emit: emit as Way['emit'], unread: false, delayed: true })
  }
  return [...ways.values()]
}

/** How a topic is read that the application has written. */
const ownFacts = (topic: string, { key, value }: Pick<NonNullable<Node['repartition']>, 'key' | 'value'>): SourceFacts => ({
  topics: [topic],
  key: key!,
  value: value!,
  invalidTimestamp: 'fail',
  onError: 'fail',
  nulls: 'keep',
  offsetReset: 'earliest',
})

const both_ =
  (first: Emit, second: Emit): Emit =>
  record => {
    first(record)
    second(record)
  }

function checkSame(a: SourceFacts, b: SourceFacts, topic: string): void {
  if (
    a.key !== b.key ||
    a.value !== b.value ||
    a.timestamp !== b.timestamp ||
    a.nulls !== b.nulls ||
    a.offsetReset !== b.offsetReset ||
    a.invalidTimestamp !== b.invalidTimestamp
  ) {
    throw new RiachoError('RIACHO_OPTION', `'${topic}' is read twice with different options: read it once and use the stream twice`, {
      place: { topic },
    })
  }
}

function counted(emit: Emit<StreamRecord<unknown, unknown>>, label: string, counters: Counters): Emit<StreamRecord<unknown, unknown>> {
  const node = counters.node(label)
  return record => {
    node.count++
    emit(record)
  }
}
