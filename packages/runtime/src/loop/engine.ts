import {
  BrokerError,
  type CommittedOffset,
  type Fetcher,
  reasonOf,
  type Store,
  type SubTopology,
  type TopicPartition,
  type Topology,
  taskCount,
  writtenSerdes,
} from '@riacho/streams/engine'
import { commit, commitStart, DrainTimeout } from '../commit/commit.ts'
import { HeldLimits } from '../commit/held-limits.ts'
import { throwLasting } from '../commit/lasting.ts'
import { GlobalTables } from '../global/global-tables.ts'
import { Counters } from '../observe/counters.ts'
import type { Settings } from '../options.ts'
import { closeTask } from '../task/close.ts'
import { type Before, type OpenContext, type OpenTask, openTask } from '../task/open.ts'
import { resetPosition } from '../task/reset.ts'
import type { EngineTask } from '../task/task.ts'
import { isAtEnd, type Lag, lagsOf, topicsOf } from './ends.ts'
import { checkLimits } from './limits.ts'
import { othersAtEnd } from './others.ts'
import { Patience } from './patience.ts'
import { Purge } from './purge.ts'
import { Seat } from './seat.ts'
import { connectorPartitions, partitionsOf, prepareTopics } from './topics.ts'

/** Commits of a task that may fail in a row before the application stops. */
const failedCommitsMax = 5

/** What came of a step towards a commit: 'fenced' when a newer producer or member has taken over. */
type Outcome = 'committed' | 'aborted' | 'unknown' | 'fenced'

/** Tasks and what feeds them, driven from outside one step at a time: by the loop of an application, or by a test driver. */
export class Engine {
  readonly plan: Topology
  readonly settings: Settings
  readonly counters = new Counters()
  readonly #open = new Map<string, OpenTask>()
  readonly #fetcher: Fetcher
  #seat: Seat | undefined
  #globals: GlobalTables | undefined
  #context: OpenContext | undefined
  readonly #purge: Purge
  readonly #away: Patience
  /** Commits that failed in a row, by task. */
  readonly #failures = new Map<string, number>()
  readonly #heldLimits = new HeldLimits()

  constructor(plan: Topology, settings: Settings) {
    this.plan = plan
    this.settings = settings
    this.#fetcher = settings.broker.fetcher({ isolation: 'read_committed' })
    this.#purge = new Purge(plan, settings)
    this.#away = new Patience(settings.clock, settings.limits.brokerAwayMs, settings.log)
  }

  get tasks(): readonly EngineTask[] {
    return [...this.#open.values()].map(open => open.task)
  }

  /** Prepares serdes, finds out partitions, creates the topics that the application owns, and joins the group; resolves after the first assignment. `between` runs assignments between the loop's steps. */
  async join(between: (work: () => Promise<void>) => Promise<void>, lost: (error: unknown) => void): Promise<void> {
    const { plan, settings, counters } = this
    const connectors = await connectorPartitions(plan, settings)
    checkLimits(plan, settings)
    const counts = await prepareTopics(plan, settings, connectors)
    await Promise.all(writtenSerdes(plan.nodes).map(serde => serde.prepare?.()))
    const lookUp = async (topic: string): Promise<void> => {
      counts.set(topic, await partitionsOf(topic, settings.broker))
      this.wake()
    }
    if (plan.globals.length > 0) {
      this.#globals = new GlobalTables(plan, counts, settings, counters)
      await this.#globals.load()
    }
    const alive = (): void => this.#seat?.alive()
    this.#context = { plan, settings, counters, counts, connectors, globals: this.#globals, lookUp, wake: () => this.wake(), alive }
    const topics = [...new Set(plan.subTopologies.flatMap(part => part.topics))]
    this.#seat = new Seat({ broker: settings.broker, group: { group: plan.id, topics }, work: this, between, lost })
    await this.#seat.join()
  }

  /** Opens the tasks of these partitions. */
  async assign(partitions: readonly TopicPartition[]): Promise<void> {
    for (const [part, partition] of this.#partsOf(partitions)) {
      const id = `${part.index}_${partition}`
      if (!this.#open.has(id)) await this.#start(part, partition)
    }
  }

  async #start(part: SubTopology, partition: number, before?: Before): Promise<void> {
    const open = await openTask(part, partition, this.#context!, before)
    this.#open.set(open.task.id, open)
    for (const input of topicsOf(open)) this.#fetcher.add(input.at, input.position)
    open.task.heldMax = this.#heldLimits.of(open.task.id)
  }

  /** Commits and closes the tasks of these partitions; asynchronous work has until the hand-over's deadline. */
  async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const going = this.#tasksOf(partitions)
    this.forgetStarts()
    for (const open of going) if ((await this.#commit(open, this.settings.limits.revokeDrainMs)) !== 'committed') this.counters.recoveries++
    await this.#closeAll(going)
  }

  /** Closes the tasks of partitions that are somebody else's already: nothing of theirs counts. */
  lose(partitions: readonly TopicPartition[]): Promise<void> {
    return this.#abandon(this.#tasksOf(partitions))
  }

  /** Fetches for at most `maxWait` milliseconds and queues what came. */
  async fetch(maxWait: number): Promise<void> {
    this.#seat?.alive()
    await this.#countStarts()
    for (const { readers } of this.#open.values()) for (const reader of readers) reader.fill()
    this.#pauseOrResume()
    // What has come is queued though a global table fails: a closing task gives it back.
    const fetched = this.#fetcher.poll(maxWait).then(
      slices => {
        this.#away.over()
        for (const batches of slices) {
          const input = this.#inputOf(batches)
          if (input === undefined) batches.release()
          else input.add(batches)
        }
      },
      (error: unknown) => this.#notFetched(error),
    )
    for (const done of await Promise.allSettled([fetched, this.#globals?.follow()])) if (done.status === 'rejected') throw done.reason
    this.#pauseOrResume()
  }

  /** What comes next of a partition may be gone: then its policy says where to go on. */
  async #notFetched(error: unknown): Promise<void> {
    if (!(error instanceof BrokerError && error.code === 'OFFSET_OUT_OF_RANGE' && error.at !== undefined))
      return this.#away.bear(error, 'nothing can be fetched')
    const { at } = error
    const input = this.#inputOf(at)
    if (input === undefined) return this.#fetcher.remove(at)
    const [ends] = await this.settings.broker.admin.offsets([at])
    const position = resetPosition(input.offsetReset, ends!, input.position)
    const message = `what comes next of ${at.topic}-${at.partition} is gone: it is read from offset ${position}, as '${input.offsetReset}' says`
    this.settings.log({ level: 'warn', message, ...at, offset: input.position })
    input.goOn(position)
    this.#fetcher.seek(at, position)
  }

  /** Stops fetching what has enough or waits for its time, and under memory pressure all that has anything: an empty queue may always be filled, so no input starves another. */
  #pauseOrResume(): void {
    const { clock, limits } = this.settings
    const { queueBytesMax, memoryBytesMax } = limits
    const pressed = this.bufferedBytes >= memoryBytesMax
    for (const open of this.#open.values()) {
      for (const input of topicsOf(open)) {
        const enough = input.bytes >= (input.paused ? queueBytesMax / 2 : queueBytesMax)
        const pause = enough || (pressed && !input.empty) || input.dueAt > clock.now()
        if (pause !== input.paused) this.#fetcher[pause ? 'pause' : 'resume'](input.at)
        input.paused = pause
      }
    }
  }

  /** Bytes that wait in queues and producers. */
  get bufferedBytes(): number {
    let bytes = 0
    for (const { task } of this.#open.values()) {
      bytes += task.producer.bufferedBytes + (task.changelog === task.producer ? 0 : task.changelog.bufferedBytes)
      for (const input of task.inputs) bytes += input.bytes
    }
    return bytes
  }

  #inputOf({ topic, partition }: TopicPartition): EngineTask['inputs'][number] | undefined {
    for (const { task } of this.#open.values()) {
      if (task.partition !== partition) continue
      const found = task.inputs.find(input => input.at.topic === topic)
      if (found !== undefined) return found
    }
    return undefined
  }

  async #countStarts(): Promise<void> {
    for (const open of [...this.#open.values()]) {
      const { task, readers } = open
      if (task.guard === undefined || task.guard.counted) continue
      const context = { plan: this.plan, settings: this.settings, member: this.#seat!.member, connectors: readers, drainMs: 0 }
      const outcome = await this.#tried(task, () => commitStart(task, context))
      if (outcome === 'committed') task.guard.counted = true
      if (await this.#movedOn(open, outcome)) return
    }
  }

  /** Lets the next commit forget the counted starts: the stop is a clean one. */
  forgetStarts(): void {
    for (const { task } of this.#open.values()) if (task.guard?.counted) task.dirty = true
  }

  /** Runs all tasks in turn, at most `recordsMax` records each time, until there is nothing to do or `until` (performance.now) has passed. Returns how many records were taken. */
  process(recordsMax: number, until: number): number {
    let total = 0
    for (;;) {
      let taken = 0
      for (const { task } of this.#open.values()) {
        const now = task.run(recordsMax, until)
        if (now > 0) task.punctuate('stream')
        taken += now
      }
      total += taken
      if (taken === 0 || performance.now() >= until) return total
    }
  }

  /** Calls the wall-clock punctuators that are due. */
  punctuate(): void {
    for (const { task } of this.#open.values()) task.punctuate('wall')
  }

  /** Commits the tasks whose time has come, or whose buffers are full; all that have something to commit when `all`. */
  async commitDue(all: boolean): Promise<void> {
    const { clock, commitIntervalMs, limits } = this.settings
    for (const open of [...this.#open.values()]) {
      const { task } = open
      if (!task.dirty && task.held === 0 && task.failure === undefined) continue
      const pressed =
        task.guard?.careful === true ||
        task.uncommitted > limits.uncommittedWritesMax ||
        task.changelog.bufferedBytes > limits.producerBytesMax
      if (all || pressed || clock.now() - task.lastCommit >= commitIntervalMs) {
        const outcome = await this.#commit(open, limits.commitDrainMs)
        if (await this.#movedOn(open, outcome)) return
      } else if (task.producer.bufferedBytes > limits.producerBytesMax) {
        const outcome = await this.#tried(task, () => task.producer.flush())
        if (await this.#movedOn(open, outcome === 'aborted' ? 'unknown' : outcome)) return
      }
    }
  }

  /** Deletes what commits cover from the repartition topics, when it is time. */
  purge(): Promise<void> {
    return this.#purge.due(this.tasks)
  }

  /** The error of a task that stopped. */
  get failure(): unknown {
    for (const { task } of this.#open.values()) if (task.failure !== undefined) return task.failure
    return undefined
  }

  /** The store of this name, of a task or of a global table: of several tasks any one's. */
  store(name: string): Store | undefined {
    return this.tasks.map(task => task.stores.get(name)).find(store => store !== undefined) ?? this.#globals?.store(name)
  }

  wake(): void {
    this.#fetcher.wake()
  }

  /** Whether every input, and every global table, has been read to its end and everything is committed. */
  async atEnd(): Promise<boolean> {
    for (const open of this.#open.values()) if (!(await isAtEnd(open, this.settings.broker.admin))) return false
    return ((await this.#globals?.lag()) ?? []).every(({ records }) => records === 0)
  }

  /** Whether the group's other members have nothing left. */
  othersAtEnd(): Promise<boolean> {
    return othersAtEnd(this.plan, this.#context!.counts, this.tasks, this.settings)
  }

  /** What is left to read, by input and by partition of global tables. */
  async lag(): Promise<readonly Lag[]> {
    return [...(await lagsOf([...this.#open.values()], this.settings.broker.admin)), ...((await this.#globals?.lag()) ?? [])]
  }

  /** The offsets that the group has committed for what the tasks read. */
  committed(): Promise<readonly CommittedOffset[]> {
    return this.settings.broker.admin.committed(
      this.plan.id,
      this.tasks.flatMap(task => task.inputs.map(input => input.at)),
    )
  }

  /** Closes all tasks, without a commit: aborts what is open, leaves the group. */
  async close(): Promise<void> {
    try {
      await this.#closeAll([...this.#open.values()])
    } finally {
      this.#fetcher.close()
      this.#globals?.close()
      await this.#seat?.leave()
    }
  }

  /** Commits. Unless it says 'committed', the task must be closed, or go back to its last commit. */
  async #commit(open: OpenTask, drainMs: number): Promise<Outcome> {
    const { task } = open
    const { clock } = this.settings
    const began = performance.now()
    const asked = clock.now()
    const limit = this.settings.exactlyOnce ? Math.min(drainMs, this.settings.limits.transactionTimeoutMs / 3) : drainMs
    const context = { plan: this.plan, settings: this.settings, member: this.#seat!.member, connectors: open.readers, drainMs: limit }
    const outcome = await this.#tried(task, () => commit(task, context))
    if (outcome !== 'committed') return outcome
    this.#failures.delete(task.id)
    const seconds = (performance.now() - began) / 1000
    task.lastCommit = clock.now()
    this.#heldLimits.done(task.id, task.lastCommit - asked, limit)
    task.heldMax = this.#heldLimits.of(task.id)
    this.counters.commits++
    this.counters.commitSeconds += seconds
    this.settings.log({ level: 'debug', message: 'committed', task: task.id, seconds })
    return 'committed'
  }

  /** Runs a step of a task towards its commit. A failure that going back can mend is an answer, up to `failedCommitsMax` in a row; others are thrown. */
  async #tried(task: EngineTask, step: () => Promise<void>): Promise<Outcome> {
    try {
      await step()
      return 'committed'
    } catch (error) {
      await throwLasting(error, this.settings.broker)
      const known = error instanceof DrainTimeout || (this.settings.exactlyOnce && error instanceof BrokerError && error.abortable)
      if (!known && !(error instanceof BrokerError && (error.retriable || error.abortable || error.fenced))) throw error
      if (error instanceof DrainTimeout) this.#heldLimits.late(task.id, error.finished)
      const failures = (this.#failures.get(task.id) ?? 0) + (error instanceof DrainTimeout ? 0 : 1)
      if (failures > failedCommitsMax) throw error
      this.#failures.set(task.id, failures)
      const fenced = error instanceof BrokerError && error.fenced
      const message = `commit failed, ${fenced ? 'the member joins its group again' : 'the task goes back to its last one'}: ${reasonOf(error)}`
      this.settings.log({ level: 'warn', message, task: task.id, failures })
      return fenced ? 'fenced' : known ? 'aborted' : 'unknown'
    }
  }

  /** Goes on after a step that failed, if it did. Returns whether all tasks are given up. */
  async #movedOn(open: OpenTask, outcome: Outcome): Promise<boolean> {
    if (outcome === 'aborted' || outcome === 'unknown') await this.#recover(open, outcome === 'aborted')
    if (outcome === 'fenced') await this.#joinAgain()
    return outcome === 'fenced'
  }

  /**
   * Somebody else has a task of this member, so nobody knows which of the others are still its own: it gives up all and joins anew (Kafka Streams: `TaskMigratedException`). To
   * open such a task again at once would fence its new owner.
   */
  async #joinAgain(): Promise<void> {
    this.counters.recoveries++
    await this.#abandon([...this.#open.values()])
    await this.#away.until(() => this.#seat!.again(), 'the group cannot be joined')
  }

  /**
   * Takes the task back to its last commit: gives up its work, opens a new epoch of its producer, begins at the committed offsets. When the commit is known not to have
   * happened, the stores put back what they remember; when its outcome is unknown, only the changelog says.
   */
  async #recover(open: OpenTask, known: boolean): Promise<void> {
    this.counters.recoveries++
    await this.#abandon([open], known)
    const kept = known ? open.task.kept : undefined
    for (const { store } of kept?.values() ?? []) store.rollback()
    await this.#start(open.task.part, open.task.partition, { kept, counted: open.task.guard?.counted === true })
  }

  /** Closes tasks whose work does not count. What cannot be closed, such as a producer that cannot abort, is fenced by whoever opens the task next. */
  async #abandon(tasks: readonly OpenTask[], leaveStores = false): Promise<void> {
    await this.#closeAll(tasks, leaveStores).catch((thrown: unknown) => {
      this.settings.log({ level: 'warn', message: `a task was closed with a failure: ${reasonOf(thrown)}` })
    })
  }

  /** What cannot be closed does not keep the others open; the first failure is thrown at the end. Stores may be left to the tasks that take their place. */
  async #closeAll(tasks: readonly OpenTask[], leaveStores = false): Promise<void> {
    const failures: unknown[] = []
    for (const open of tasks) {
      this.#open.delete(open.task.id)
      for (const input of topicsOf(open)) this.#fetcher.remove(input.at)
      failures.push(...(await closeTask(open, this.settings.exactlyOnce, leaveStores)))
    }
    if (failures.length > 0) throw failures[0]
  }

  #tasksOf(partitions: readonly TopicPartition[]): readonly OpenTask[] {
    const ids = new Set(this.#partsOf(partitions).map(([part, partition]) => `${part.index}_${partition}`))
    return [...this.#open.values()].filter(({ task }) => ids.has(task.id))
  }

  #partsOf(partitions: readonly TopicPartition[]): readonly (readonly [SubTopology, number])[] {
    const found = new Map<string, readonly [SubTopology, number]>()
    for (const { topic, partition } of partitions) {
      for (const part of this.plan.subTopologies) {
        if (part.topics.includes(topic) && partition < taskCount(part, this.#context!.counts))
          found.set(`${part.index}_${partition}`, [part, partition])
      }
    }
    return [...found.values()].sort((a, b) => a[0].index - b[0].index || a[1] - b[1])
  }
}
