import { type CommittedOffset, encodeCommitMetadata, internal, type Membership, type Topology } from '@riacho/streams/engine'
import type { Settings } from '../options.ts'
import type { ConnectorReader } from '../task/connector.ts'
import { startsMark } from '../task/crash-guard.ts'
import { stopOf } from '../task/stop.ts'
import { type EngineTask, streamTimeKey } from '../task/task.ts'

/** What a commit needs beside its task. */
export interface CommitContext {
  readonly plan: Topology
  readonly settings: Settings
  readonly member: Membership
  readonly connectors: readonly ConnectorReader[]
  /** Most milliseconds to wait for asynchronous work. */
  readonly drainMs: number
}

/** Asynchronous work did not finish in time: the task must go back to its last commit. */
export class DrainTimeout extends Error {
  override readonly name = 'DrainTimeout'
  /** Records that were finished while the commit waited. */
  readonly finished: number
  constructor(message: string, finished: number) {
    super(message)
    this.finished = finished
  }
}

/**
 * Commits one task. Nothing is fed to it and no punctuator runs meanwhile. A failure at one step stops the steps after it.
 *
 * 1. Drain: asynchronous stages, then what stores hold back, in topological order, until a pass hands on nothing and holds nothing. What they hand on may reach
 *    stages further down.
 *    Past the deadline the work is given up by the caller ({@link DrainTimeout}).
 * 2. Sinks are flushed by then: a stage holds a record until its sink has made it durable.
 * 3. Flush the producer: outputs, repartitions, dead letters; then, at least once, the changelog, which goes on the wire only after everything that its changes
 *    caused is durable. Else a restored `distinct` could drop a record whose effect was lost.
 * 4. Commit connectors' positions and offsets, with the partition's time and, if kept, the operators' stream times; exactly once all of 3 and 4 are one transaction.
 * 5. Checkpoint: stores forget what an abort would need, connectors learn that their position is covered.
 */
export async function commit(task: EngineTask, context: CommitContext): Promise<void> {
  const { settings, member } = context
  await drain(task, context.drainMs, settings)
  while (flushStores(task)) await drain(task, context.drainMs, settings)
  const offsets = offsetsOf(task, settings, 0)
  if (settings.exactlyOnce) {
    writePositions(task, context)
    await task.producer.sendOffsets(member, offsets)
    await task.producer.commit()
  } else {
    await task.producer.flush()
    await task.changelog.flush()
    if (writePositions(task, context)) await task.producer.flush()
    await member.commit(offsets)
  }
  for (const store of task.stores.values()) store.committed()
  task.dirty = false
  task.committed = offsets
  for (const input of task.inputs) input.covered = input.position
  for (const reader of context.connectors) await reader.committed(reader.input.mark)
}

async function drain(task: EngineTask, drainMs: number, { clock }: Settings): Promise<void> {
  failIfStopped(task)
  const { held } = task
  if (held === 0) return
  const over = new AbortController()
  let late = false
  const deadline = clock.sleep(drainMs, over.signal).then(() => {
    late = !over.signal.aborted
  })
  try {
    while (task.held > 0) {
      const busy = task.stages.filter(stage => stage.size > 0)
      for (const stage of busy) stage.flush()
      await Promise.race([...busy.map(stage => stage.progress()), deadline])
      failIfStopped(task)
      if (late) {
        const what = `asynchronous work of task ${task.id} was not done ${drainMs} ms after a commit asked for it (${task.held} of ${held} records left)`
        throw new DrainTimeout(`${what}: mend what is slow, raise the stage's inFlightMax, or raise limits.commitDrainMs`, held - task.held)
      }
    }
  } finally {
    over.abort()
  }
}

/** Lets stores log and hand on what they hold back, in the order of the plan. Returns whether any did: what it handed on may be held further down. */
function flushStores(task: EngineTask): boolean {
  let flushed = false
  for (const { name } of task.part.stores) {
    const store = task.stores.get(name)!
    if ((store.pending ?? 0) === 0) continue
    try {
      store.flush!()
    } catch (error) {
      throw stopOf(error, `${task.id}, writing what '${name}' held back,`, null)
    }
    flushed = true
  }
  return flushed
}

function failIfStopped(task: EngineTask): void {
  if (task.failure !== undefined) throw task.failure
}

/**
 * Positions of replayable and acknowledged connectors are records of a compacted topic: in the transaction of the outputs, or, at least once, durable after the
 * changelog, as offsets are. Else a kill between the two would leave records read whose changes of state are lost. Returns whether there were any.
 */
function writePositions(task: EngineTask, { plan, connectors }: CommitContext): boolean {
  let written = false
  for (const { input, partition } of connectors) {
    if (input.mark === undefined) continue
    task.producer
      .partition({ topic: internal.positions(plan.id, input.name), partition: input.at.partition })
      .append(task.now(), partition, input.mark)
    written = true
  }
  return written
}

/**
 * Counts the start of a task in its committed metadata, before it takes a record, so that a record that kills the process can be told from others. A clean stop, or the
 * first commit after a record, forgets it.
 */
export async function commitStart(task: EngineTask, { settings, member }: CommitContext): Promise<void> {
  const offsets = offsetsOf(task, settings, task.guard?.starts ?? 0)
  if (settings.exactlyOnce) {
    await task.producer.sendOffsets(member, offsets)
    await task.producer.commit()
  } else await member.commit(offsets)
}

function offsetsOf(task: EngineTask, settings: Settings, starts: number): readonly CommittedOffset[] {
  const times = new Map<string, number>()
  if (starts > 0) times.set(startsMark, starts)
  for (const [name, kept] of task.committedTimes) if (kept.time >= 0) times.set(name, kept.time)
  if (settings.keepStreamTime) for (const [label, clock] of task.times) if (clock.time >= 0) times.set(streamTimeKey(label), clock.time)
  return task.inputs.map(input => {
    return { ...input.at, offset: input.position, metadata: encodeCommitMetadata(input.partitionTime, times) }
  })
}
