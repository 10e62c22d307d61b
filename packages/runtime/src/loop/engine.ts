import {
  BrokerError,
  type CommittedOffset,
  type Fetcher,
  reasonOf,
  type Store,
  type TopicPartition,
  type Topology,
  writtenSerdes,
} from '@riacho/streams/engine'
import { Commits, type Outcome } from '../commit/commits.ts'
import { GlobalTables } from '../global/global-tables.ts'
import { Counters } from '../observe/counters.ts'
import type { Settings } from '../options.ts'
import { closeTask } from '../task/close.ts'
import { closeStores } from '../task/kept-store.ts'
import { type Before, type OpenContext, type OpenTask, openTask } from '../task/open.ts'
import { resetPosition } from '../task/reset.ts'
import type { EngineTask } from '../task/task.ts'
import { isAtEnd, type Lag, lagsOf, topicsOf } from './ends.ts'
import { checkLimits } from './limits.ts'
import { othersAtEnd } from './others.ts'
import { Patience } from './patience.ts'
import { type Place, placesOf } from './places.ts'
import { Purge } from './purge.ts'
import { Seat } from './seat.ts'
import { connectorPartitions, partitionsOf, prepareTopics } from './topics.ts'

/** Ends the opening of a task that is given up, or of all when what the group says has failed: that is the `cause`. */
class Interrupted extends Error {}

/** Tasks and what feeds them, driven from outside one step at a time: by the loop of an application, or by a test driver. */
export class Engine {
  readonly plan: Topology
  readonly settings: Settings
  readonly counters = new Counters()
  readonly #open = new Map<string, OpenTask>()
  readonly #fetcher: Fetcher
  /** Tasks of the member that are not open yet. */
  readonly #coming = new Map<string, Place>()
  #halted = false
  #seat: Seat | undefined
  #globals: GlobalTables | undefined
  #context: Omit<OpenContext, 'goOn'> | undefined
  readonly #purge: Purge
  readonly #away: Patience
  readonly #commits: Commits

  constructor(plan: Topology, settings: Settings) {
    this.plan = plan
    this.settings = settings
    this.#fetcher = settings.broker.fetcher({ isolation: 'read_committed' })
    this.#purge = new Purge(plan, settings)
    this.#away = new Patience(settings.clock, settings.limits.brokerAwayMs, settings.log)
    this.#commits = new Commits({ plan, settings, counters: this.counters, member: () => this.#seat!.member })
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
      await this.#globals.load(() => this.#halted)
    }
    if (this.#halted) return
    this.#context = { plan, settings, counters, counts, connectors, globals: this.#globals, lookUp, wake: () => this.wake() }
    const topics = [...new Set(plan.subTopologies.flatMap(part => part.topics))]
    this.#seat = new Seat({ broker: settings.broker, group: { group: plan.id, topics }, work: this, between, lost })
    await this.#seat.join()
  }

  /** These partitions are the member's: {@link Engine.open} opens their tasks. */
  expect(partitions: readonly TopicPartition[]): void {
    for (const place of this.#placesOf(partitions))
      if (!this.#open.has(place.id) && !this.#coming.has(place.id)) this.#coming.set(place.id, place)
  }

  /** Opens the tasks that are expected. What the group says meanwhile comes first, also while a task is restored, which may be one of those to give up. */
  async open(): Promise<void> {
    // A restore may take longer than a transaction may be open.
    if (this.#coming.size > 0) await this.commitDue(true)
    for (;;) {
      await this.#goOn()
      const [next] = this.#coming.values()
      if (next === undefined) return
      await this.#start(next)
    }
  }

  /** Stops to open tasks: the application is to end. */
  halt(): void {
    this.#halted = true
    this.#seat?.release()
    this.wake()
  }

  async #goOn(): Promise<void> {
    this.#seat?.alive()
    await this.#seat?.heard()
    if (this.#halted) this.#coming.clear()
  }

  /** Opens a task that is expected, if it is not given up meanwhile. */
  async #start(place: Place, before?: Before): Promise<void> {
    const goOn = async (): Promise<void> => {
      await this.#goOn().catch((cause: unknown) => {
        throw new Interrupted('what the group says cannot be done', { cause })
      })
      // One that was given up and came back begins anew: somebody else may have had it.
      if (this.#coming.get(place.id) !== place) throw new Interrupted('the task is given up')
    }
    try {
      const open = await openTask(place.part, place.partition, { ...this.#context!, goOn }, before)
      this.#coming.delete(place.id)
      this.#open.set(place.id, open)
      for (const input of topicsOf(open)) this.#fetcher.add(input.at, input.position)
      open.task.heldMax = this.#commits.heldMax(place.id)
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error
      if (error.cause !== undefined) throw error.cause
    }
  }

  /** Commits and closes the tasks of these partitions; asynchronous work has until the hand-over's deadline. */
  async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const going = this.#given(partitions)
    this.forgetStarts()
    const outcomes = await this.#commits.all(going, this.settings.limits.revokeDrainMs)
    this.counters.recoveries += outcomes.filter(outcome => outcome !== 'committed').length
    await this.#closeAll(going)
  }

  /** Closes the tasks of partitions that are somebody else's already: nothing of theirs counts. */
  lose(partitions: readonly TopicPartition[]): Promise<void> {
    return this.#abandon(this.#given(partitions))
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
    const inputs = this.tasks.flatMap(task => (task.partition === partition ? task.inputs : []))
    return inputs.find(input => input.at.topic === topic)
  }

  async #countStarts(): Promise<void> {
    for (const open of [...this.#open.values()]) {
      const uncounted = open.task.guard?.counted === false && this.#isOpen(open)
      if (uncounted && (await this.#movedOn([open], [await this.#commits.start(open)]))) return
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

  /** Commits the tasks whose time has come, or whose buffers are full, at the same time; all that have something to commit when `all`. */
  async commitDue(all: boolean): Promise<void> {
    const { clock, commitIntervalMs, limits } = this.settings
    const due: OpenTask[] = []
    const full: OpenTask[] = []
    for (const open of [...this.#open.values()]) {
      const { task } = open
      if (!task.dirty && task.held === 0 && task.failure === undefined) continue
      const pressed =
        task.guard?.careful === true ||
        task.uncommitted > limits.uncommittedWritesMax ||
        task.changelog.bufferedBytes > limits.producerBytesMax
      if (all || pressed || clock.now() - task.lastCommit >= commitIntervalMs) due.push(open)
      else if (task.producer.bufferedBytes > limits.producerBytesMax) full.push(open)
    }
    if (await this.#movedOn(due, await this.#commits.all(due, limits.commitDrainMs))) return
    for (const open of full) if (this.#isOpen(open) && (await this.#movedOn([open], [await this.#commits.flush(open)]))) return
  }

  /** It may be given up while another one goes back to its last commit. */
  #isOpen(open: OpenTask): boolean {
    return this.#open.get(open.task.id) === open
  }

  /** Deletes what commits cover from the repartition topics, when it is time. */
  purge(): Promise<void> {
    return this.#purge.due(this.tasks)
  }

  /** The error of a task that stopped. */
  get failure(): unknown {
    return this.tasks.find(task => task.failure !== undefined)?.failure
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
    this.#halted = true
    try {
      await this.#closeAll([...this.#open.values()])
    } finally {
      this.#fetcher.close()
      this.#globals?.close()
      await this.#seat?.leave()
    }
  }

  /** Goes on after a step of these tasks that failed, if it did. Returns whether all tasks are given up. */
  async #movedOn(tasks: readonly OpenTask[], outcomes: readonly Outcome[]): Promise<boolean> {
    const fenced = outcomes.includes('fenced')
    await (fenced ? this.#joinAgain() : this.#recover(tasks, outcomes))
    return fenced
  }

  /**
   * Somebody else has a task of this member, so nobody knows which of the others are still its own: it gives up all and joins anew (Kafka Streams: `TaskMigratedException`). To
   * open such a task again at once would fence its new owner.
   */
  async #joinAgain(): Promise<void> {
    this.counters.recoveries++
    this.#coming.clear()
    await this.#abandon([...this.#open.values()])
    await this.#away.until(() => this.#seat!.again(), 'the group cannot be joined')
  }

  /**
   * Takes the tasks whose commit failed back to the last one: gives up their work, opens a new epoch of their producers, begins at the committed offsets. When the commit is
   * known not to have happened, the stores put back what they remember; when its outcome is unknown, only the changelog says. All are given up before the first is opened: the
   * group is heard meanwhile, and would have what has failed committed.
   */
  async #recover(tasks: readonly OpenTask[], outcomes: readonly Outcome[]): Promise<void> {
    const again: [Place, Before][] = []
    try {
      for (const [i, open] of tasks.entries()) {
        if (outcomes[i] === 'committed') continue
        const known = outcomes[i] === 'aborted'
        const { guard, id, kept, part, partition } = open.task
        this.counters.recoveries++
        await this.#abandon([open], known)
        const place = { id, part, partition }
        again.push([place, { kept: known ? kept : undefined, counted: guard?.counted === true }])
        if (known) for (const { store } of kept.values()) store.rollback()
        this.#coming.set(id, place)
      }
      for (let next = again.shift(); next !== undefined; next = again.shift()) await this.#start(...next)
    } finally {
      // Of those that are not opened again, because one cannot be.
      for (const [, { kept }] of again) closeStores(kept)
    }
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

  /** The open tasks of partitions that go; of the others none is opened. */
  #given(partitions: readonly TopicPartition[]): readonly OpenTask[] {
    const ids = this.#placesOf(partitions).map(({ id }) => id)
    for (const id of ids) this.#coming.delete(id)
    return ids.flatMap(id => this.#open.get(id) ?? [])
  }

  #placesOf(partitions: readonly TopicPartition[]): readonly Place[] {
    return placesOf(partitions, this.plan, this.#context!.counts)
  }
}
