import type { StreamRecord } from '@riacho/streams'
import {
  type CommittedOffset,
  type DropReason,
  type Emit,
  type Failure,
  type Held,
  internal,
  isLogged,
  type Origin,
  type Position,
  type Producer,
  type Punctuator,
  RiachoError,
  type SinkSpec,
  type Store,
  type StoreSpec,
  type SubTopology,
  type TableView,
  type Task,
  type Topology,
} from '@riacho/streams/engine'
import type { GlobalTables } from '../global/global-tables.ts'
import type { Counters } from '../observe/counters.ts'
import { Drops } from '../observe/drops.ts'
import type { Settings } from '../options.ts'
import { ChosenTopics } from './chosen-topics.ts'
import type { CrashGuard } from './crash-guard.ts'
import type { Input } from './input.ts'
import { InputChoice } from './input-choice.ts'
import { type KeptStore, keptStore } from './kept-store.ts'
import { Letters } from './letters.ts'
import { Punctuations } from './punctuations.ts'
import { openSender, unwritable } from './sender.ts'
import { stopOf } from './stop.ts'

/** What a task is made of. */
export interface TaskParts {
  readonly plan: Topology
  readonly part: SubTopology
  readonly partition: number
  readonly settings: Settings
  readonly counters: Counters
  /** Outputs, repartitions, dead letters; exactly once also changelogs, positions and offsets. */
  readonly producer: Producer
  /** Changelogs: the same producer when exactly once, else one that sends after what the changes caused is durable. */
  readonly changelog: Producer
  readonly counts: ReadonlyMap<string, number>
  readonly globals: GlobalTables | undefined
  /** Operators' stream times as the last commit has them. */
  readonly times: ReadonlyMap<string, number>
  /** Stores of the task whose place this one takes, put back to the last commit. */
  readonly kept?: ReadonlyMap<string, KeptStore> | undefined
  /** Asks the broker for the partitions of a topic and adds them to `counts`. */
  lookUp(topic: string): Promise<void>
  readonly guard?: CrashGuard | undefined
  /** Wakes the loop. */
  wake(): void
}

/** The name of an operator's stream time in the commit's metadata, where names of stores have times of their own. */
export const streamTimeKey = (label: string): string => `${label}/time`

/** A sub-topology at work on one partition of its topics: its stores, its inputs, and the hands of its nodes. */
export class EngineTask implements Task {
  readonly id: string
  readonly part: SubTopology
  readonly partition: number
  readonly producer: Producer
  readonly changelog: Producer
  readonly guard: CrashGuard | undefined
  readonly stages: Held[] = []
  readonly stores = new Map<string, Store>()
  /** The same stores with their hands, for the task that takes this one's place. */
  readonly kept = new Map<string, KeptStore>()
  readonly times = new Map<string, { time: number }>()
  /** Times that every commit keeps. */
  readonly committedTimes = new Map<string, { time: number }>()
  readonly inputs: Input[] = []
  streamTime = -1
  /** Something happened since the last commit. */
  dirty = false
  /** Why the task stopped. */
  failure: unknown
  lastCommit: number
  /** What the last commit covers. */
  committed: readonly CommittedOffset[] = []
  /** Records in asynchronous stages at which no more are taken. */
  heldMax = Number.POSITIVE_INFINITY
  /** What happens now comes from no record. */
  #punctuating = false
  readonly #parts: TaskParts
  readonly #punctuations = new Punctuations()
  readonly #letters: Letters
  readonly #drops: Drops
  readonly #choice: InputChoice
  readonly #loading = (input: Input): void => {
    this.#current = input
  }
  #current: Input | undefined
  #resumed: Position | Origin | null = null
  /** Makes the original of the derived record that a node is working on. */
  #derived: (() => Origin) | undefined

  constructor(parts: TaskParts) {
    this.#parts = parts
    this.part = parts.part
    this.partition = parts.partition
    this.id = `${parts.part.index}_${parts.partition}`
    this.producer = parts.producer
    this.changelog = parts.changelog
    this.guard = parts.guard
    this.#letters = new Letters(parts.producer, parts.counts, parts.counters, parts.settings.limits.recordBytesMax)
    this.#choice = new InputChoice(parts.settings)
    this.lastCommit = parts.settings.clock.now()
    this.#drops = new Drops(this, parts.counters, parts.settings.log, this.lastCommit)
  }

  /** Whether this is a test that looks closer. */
  get strict(): boolean {
    return this.#parts.settings.strict
  }

  /** Records inside asynchronous stages. */
  get held(): number {
    let held = 0
    for (const stage of this.stages) held += stage.size
    return held
  }

  /** Writes to stores since the last commit. */
  get uncommitted(): number {
    let writes = 0
    for (const store of this.stores.values()) writes += store.uncommitted
    return writes
  }

  add(input: Input): void {
    this.inputs.push(input)
    this.#choice.add(input)
  }

  /** Takes at most `recordsMax` records until `until` (performance.now). Returns how many. Errors become the task's failure. */
  run(recordsMax: number, until: number): number {
    if (this.failure !== undefined) return 0
    let taken = 0
    try {
      if (this.guard?.careful) taken = this.dirty || this.held > 0 ? 0 : this.#take(1, until)
      else taken = this.#take(recordsMax, until)
    } catch (error) {
      this.fail(error)
    }
    // Also past records that were dropped and markers of transactions (Kafka Streams: `StreamTask.commitNeeded`): else the lag of a group never gets to 0.
    if (taken > 0 || this.inputs.some(input => input.position > input.covered)) this.dirty = true
    if (taken > 0) this.guard?.took()
    this.#parts.counters.recordsIn += taken
    return taken
  }

  /** Calls the punctuators that are due. */
  punctuate(clock: 'stream' | 'wall'): void {
    if (this.failure !== undefined) return
    if (clock === 'wall') this.#drops.look(this.now())
    this.#punctuating = true
    try {
      if (this.#punctuations.run(clock, clock === 'stream' ? this.streamTime : this.now())) this.dirty = true
    } catch (error) {
      this.fail(error)
    } finally {
      this.#punctuating = false
    }
  }

  /** A stage has no room, or a commit could not wait for more. */
  get #full(): boolean {
    let held = 0
    for (const stage of this.stages) {
      if (stage.full) return true
      held += stage.size
    }
    return held >= this.heldMax
  }

  #take(recordsMax: number, until: number): number {
    let taken = 0
    while (taken < recordsMax && !this.#full) {
      const input = this.#choice.next(this.#loading)
      if (input === undefined) break
      this.#current = input
      // Alone, it runs until the budget is used up.
      const slice = this.#choice.isAlone(input) ? Math.min(recordsMax - taken, 64) : 1
      for (let i = 0; i < slice && input.load(); i++) {
        if (input.headTime > this.streamTime) this.streamTime = input.headTime
        if (this.guard?.suspects) this.#putAside(input, this.guard)
        else input.take()
        taken++
        if (this.#full) break
      }
      this.#choice.taken(input)
      if (performance.now() >= until) break
    }
    return taken
  }

  /** The first record of a task that has died at it too often. */
  #putAside(input: Input, guard: CrashGuard): void {
    guard.suspects = false
    const { topic, partition, offset } = input.where()
    const reason = `the process died ${guard.starts - 1} times in a row when it took this record`
    const { onError } = guard.options
    if (onError === 'fail') {
      const where = `${reason}, ${topic}-${partition} offset ${offset}`
      const message = `${where}: mend what kills it, or give crashLoop a dead letter topic`
      throw new RiachoError('RIACHO_CRASH_LOOP', message, { place: { topic, partition, offset } })
    }
    const firstFailure = this.now()
    this.deadLetter(onError.deadLetter, { code: 'RIACHO_CRASH_LOOP', reason, node: topic, attempts: guard.starts - 1, firstFailure })
    input.skip()
  }

  store<S extends Store>(spec: StoreSpec<S>): S {
    const found = this.stores.get(spec.name)
    if (found !== undefined) return found as S
    const { plan, settings } = this.#parts
    const at = { topic: internal.changelog(plan.id, spec.name), partition: this.partition }
    const writer = isLogged(plan.sourceLogs, spec) ? this.changelog.partition(at) : undefined
    const kept = this.#parts.kept?.get(spec.name) ?? keptStore(spec, settings.stores, { application: plan.id, task: this.id })
    kept.hands.bind(writer, reason => this.drop(reason))
    this.kept.set(spec.name, kept)
    this.stores.set(spec.name, kept.store)
    return kept.store as S
  }

  global(store: StoreSpec): TableView<never, unknown> {
    return this.#parts.globals!.view(store)
  }

  sender(spec: SinkSpec): Emit<StreamRecord<unknown, unknown>> {
    return this.#sender(spec, false)
  }

  /** The writer of a repartition topic, which drops null keys. */
  repartitioner(spec: SinkSpec): Emit<StreamRecord<unknown, unknown>> {
    return this.#sender(spec, true)
  }

  #sender(spec: SinkSpec, dropNullKeys: boolean): Emit<StreamRecord<unknown, unknown>> {
    const { counters, counts } = this.#parts
    const label = typeof spec.topic === 'string' ? spec.topic : 'to'
    const node = counters.node(label)
    const late = typeof spec.topic === 'string' ? undefined : new ChosenTopics(this.#parts.lookUp, error => this.fail(error))
    if (late !== undefined) this.hold(late)
    return openSender(spec, {
      producer: this.producer,
      counts,
      dropNullKeys,
      task: this,
      recordBytesMax: this.#parts.settings.limits.recordBytesMax,
      wait: (topic, send) => {
        // When the topic is known another record is being processed.
        const at = typeof spec.onError === 'object' ? this.origin() : this.position()
        late?.wait(topic, () => this.resume(at, send, undefined))
      },
      sent: () => {
        counters.recordsOut++
        node.count++
      },
    })
  }

  deadLetter(topic: string, failure: Failure): void {
    // What cannot be written as it is would not be written here either: the record that it was made of stands for it.
    const derived = unwritable.has(failure.code) ? undefined : this.#derived?.()
    this.dirty = true
    const origin = derived ??
      this.origin() ?? {
        topic: failure.node,
        partition: this.partition,
        offset: -1,
        timestamp: this.now(),
        key: null,
        value: null,
        headers: [],
      }
    this.#letters.write(topic, origin, failure)
  }

  drop(reason: DropReason): void {
    this.dirty = true
    this.#drops.drop(reason)
  }

  hold(stage: Held): void {
    this.stages.push(stage)
  }

  resume<T>(at: Position | Origin | null, out: Emit<T>, record: T): void {
    if (this.failure !== undefined) return
    this.dirty = true
    const before = this.#resumed
    this.#resumed = at
    try {
      out(record)
    } catch (error) {
      this.fail(error)
    } finally {
      this.#resumed = before
    }
    this.#parts.wake()
  }

  onBehalf<T>(of: Position | null, out: Emit<T>, record: T): void {
    const before = this.#resumed
    const derived = this.#derived
    this.#resumed = of ?? before
    if (of !== null) this.#derived = undefined
    try {
      out(record)
    } finally {
      this.#resumed = before
      this.#derived = derived
    }
  }

  /** An input of a node that writes dead letters of records that the application derived: they hold what this node was given. */
  deriving(input: Emit, origin: (record: StreamRecord<unknown, unknown>) => Origin): Emit {
    return record => {
      const before = this.#derived
      this.#derived = () => origin(record as StreamRecord<unknown, unknown>)
      try {
        input(record)
      } finally {
        this.#derived = before
      }
    }
  }

  fail(error: unknown): void {
    this.failure ??= stopOf(error, this.id, this.position())
    this.#parts.wake()
  }

  tell(message: string): void {
    this.#parts.settings.log({ level: 'warn', message, task: this.id })
  }

  /** A node of the task is opened. */
  openNode(): void {
    this.#punctuations.openNode()
  }

  /** All nodes of the task are open. */
  opened(): void {
    this.#punctuations.opened()
  }

  schedule(interval: number, clock: 'stream' | 'wall', punctuator: Punctuator, anchor?: number): () => void {
    return this.#punctuations.add(interval, clock, punctuator, clock === 'stream' ? this.streamTime : this.now(), anchor)
  }

  streamTimeOf(label: string): { time: number } {
    const found = this.times.get(label) ?? { time: this.#parts.times.get(streamTimeKey(label)) ?? -1 }
    this.times.set(label, found)
    return found
  }

  committedTimeOf(name: string): { time: number } {
    const found = this.committedTimes.get(name) ?? { time: this.#parts.times.get(name) ?? -1 }
    this.committedTimes.set(name, found)
    return found
  }

  now(): number {
    return this.#parts.settings.clock.now()
  }

  sleep(duration: number, signal: AbortSignal): Promise<void> {
    return this.#parts.settings.clock.sleep(duration, signal)
  }

  position(): Position | null {
    return this.#resumed ?? (this.#punctuating ? null : (this.#current?.where() ?? null))
  }

  origin(): Origin | null {
    if (this.#punctuating) return null
    if (this.#resumed !== null) return 'headers' in this.#resumed ? this.#resumed : null
    return this.#current?.origin() ?? null
  }

  /** Gives back loans and gives up asynchronous work. */
  async close(): Promise<void> {
    for (const input of this.inputs) input.clear()
    for (const stage of this.stages) await stage.close()
  }
}
