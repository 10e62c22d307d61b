import { randomUUID } from 'node:crypto'
import {
  type BrokerError,
  type CommittedOffset,
  type GroupCallbacks,
  type GroupOptions,
  type Membership,
  reasonOf,
  type TopicPartition,
} from '@riacho/streams/engine'
import type { ConfluentAdmin } from './admin.ts'
import { Commits, forDriver } from './commits.ts'
import { called, type DriverConsumer, type DriverOffset } from './driver.ts'
import { ConfluentError } from './errors.ts'
import type { Home } from './home.ts'

/** How long a member waits for the driver to say something before it looks. */
const lookMs = 200
/** An engine that says nothing for so long may hang. */
const silenceMs = 1000

/** What a member needs of its broker. */
export interface MemberHome {
  readonly home: Home
  readonly admin: ConfluentAdmin
  closed(member: ConfluentMembership): void
}

/**
 * A member of a classic consumer group with the driver's cooperative assignor. Only the topic with the most partitions is subscribed: who has partition n of it has partition n of
 * all topics, as the default assignment of the contract wants. Nothing is read here.
 */
export class ConfluentMembership implements Membership {
  readonly group: string
  /** Its own: the driver does not tell the group's. */
  memberId: string = randomUUID()
  /** Counted here, for the same reason. */
  generation = -1
  readonly #home: MemberHome
  readonly #on: GroupCallbacks
  readonly #partitions: ReadonlyMap<string, number>
  readonly #consumer: DriverConsumer
  readonly #commits: Commits
  readonly #instanceId: string | undefined
  #owned: readonly TopicPartition[] = []
  #rebalances = 0
  /** Callbacks, one after the other. */
  #calling: Promise<void> = Promise.resolve()
  #left = false
  /** The driver's last words. */
  #said = ''
  /** When the engine last said that it goes on. */
  #alive: number | undefined
  #callbacks = 0
  #stirred = false
  #stir: () => void = () => {}
  #pumping: Promise<void> = Promise.resolve()

  private constructor(memberHome: MemberHome, options: GroupOptions, on: GroupCallbacks, partitions: ReadonlyMap<string, number>) {
    this.group = options.group
    this.#home = memberHome
    this.#on = on
    this.#instanceId = options.instanceId
    this.#partitions = partitions
    const { home } = memberHome
    const { settings } = home
    const own = {
      'group.id': options.group,
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      'partition.assignment.strategy': 'cooperative-sticky',
      // What slips through before a pause is small.
      'fetch.message.max.bytes': 1024,
      'queued.min.messages': 1,
      rebalance_cb: (change: { readonly code: number } | undefined, changed: readonly TopicPartition[]) => this.#rebalance(change, changed),
      offset_commit_cb: (thrown: unknown, offsets: readonly DriverOffset[]) => this.#commits.answered(thrown, offsets),
      queue_non_empty_cb: () => this.#awake(),
      ...(options.instanceId === undefined ? {} : { 'group.instance.id': options.instanceId }),
    }
    this.#consumer = home.made(
      () => new home.driver.KafkaConsumer({ ...settings.client, ...settings.member, ...own, ...settings.last }, {}),
    )
    this.#commits = new Commits(home, this.#consumer)
    this.#consumer.setDefaultConsumeTimeout(0)
    // What does not pass is told by `consume`, but not what it was.
    this.#consumer.on('event.error', thrown => {
      this.#said = reasonOf(thrown)
    })
  }

  static async join(memberHome: MemberHome, options: GroupOptions, on: GroupCallbacks): Promise<ConfluentMembership> {
    const { home, admin } = memberHome
    if (options.assign !== undefined || options.assignor !== undefined) throw noAssignor()
    const partitions = await admin.partitions(options.topics)
    const missing = options.topics.find(topic => !partitions.has(topic))
    if (missing !== undefined) throw new ConfluentError('UNKNOWN_TOPIC_OR_PARTITION', `topic '${missing}' does not exist`)
    const member = new ConfluentMembership(memberHome, options, on, partitions)
    const about = { allTopics: false, timeout: home.settings.requestTimeoutMs }
    await called(done => member.#consumer.connect(about, done)).catch((thrown: unknown) => {
      throw home.failures.of(thrown)
    })
    member.#consumer.subscribe([guideOf(partitions)])
    member.#pumping = member.#pump()
    return member
  }

  /** What the driver needs for offsets in a transaction. */
  get consumer(): DriverConsumer {
    return this.#consumer
  }

  /** Whether this member is the one that was meant when this id and generation were read. */
  is({ memberId, generation }: { readonly memberId: string; readonly generation: number }): boolean {
    return !this.#left && this.memberId === memberId && this.generation === generation
  }

  async commit(offsets: readonly CommittedOffset[]): Promise<void> {
    if (offsets.length === 0) return
    const { memberId } = this
    await this.#home.home.retrying(async () => {
      if (this.#left || this.memberId !== memberId)
        throw new ConfluentError('UNKNOWN_MEMBER_ID', `this member is no longer in the group ${this.group}`, { fenced: true })
      await this.#commits.ask(offsets.map(forDriver))
    }, passes)
  }

  alive(): void {
    this.#alive = Date.now()
  }

  /** A member with an instance's name only falls silent, also for good: the driver cannot do otherwise. */
  async leave(): Promise<void> {
    if (this.#left) return
    this.#left = true
    this.#owned = []
    this.#awake()
    await this.#pumping
    await this.#disconnect()
  }

  async #disconnect(): Promise<void> {
    this.#consumer.unsubscribe()
    await called(done => this.#consumer.disconnect(done)).catch(() => undefined)
    this.#home.closed(this)
  }

  /**
   * The driver serves the group's events, and takes the member for alive, while it is asked for records; there are none, because all partitions are paused. It is not asked when
   * the engine is silent: then the driver itself leaves the group after `max.poll.interval.ms`.
   */
  async #pump(): Promise<void> {
    while (!this.#left) {
      this.#stirred = false
      if (this.#engineLives) await called(done => this.#consumer.consume(1, done)).catch((thrown: unknown) => this.#failed(thrown))
      if (!this.#stirred || !this.#engineLives) await this.#quiet()
    }
  }

  get #engineLives(): boolean {
    return this.#alive === undefined || this.#callbacks > 0 || this.#commits.waiting || Date.now() - this.#alive < silenceMs
  }

  #failed(thrown: unknown): void {
    const { code, fatal, fenced } = this.#home.home.failures.of(thrown)
    // Nothing else is fatal to a consumer of the driver.
    const replaced = fenced || (code === '_FATAL' && this.#instanceId !== undefined)
    if (!fatal && !replaced && code !== '_FATAL') return
    // The driver's consumer is of no use any more.
    this.#left = true
    const message = this.#said || reasonOf(thrown)
    const reason = new ConfluentError(replaced ? 'FENCED_INSTANCE_ID' : code, message, { fatal: true, fenced: replaced, cause: thrown })
    const owned = this.#owned
    this.#owned = []
    this.#on.lost(owned, reason)
    void this.#disconnect()
  }

  #rebalance(change: { readonly code: number } | undefined, changed: readonly TopicPartition[]): void {
    const { ERRORS } = this.#home.home.driver.CODES
    const partitions = changed.map(({ topic, partition }) => ({ topic, partition }))
    if (change?.code === ERRORS.ERR__ASSIGN_PARTITIONS) {
      this.#answer(() => {
        this.#consumer.incrementalAssign(partitions.map((at): DriverOffset => ({ ...at, offset: 0 })))
        if (partitions.length > 0) this.#consumer.pause(partitions)
      })
      this.#queue(() => this.#assigned(this.#allOf(partitions)))
      return
    }
    const lost = this.#left || this.#consumer.assignmentLost()
    if (lost) {
      // At once, so that a commit that is asked again does not pass in the next generation.
      this.memberId = randomUUID()
      this.#give(partitions)
    }
    this.#queue(() => (lost ? this.#lost() : this.#revoked(this.#allOf(partitions), partitions)))
  }

  /** Lets the driver go on: the partitions are free from now on. */
  #give(partitions: readonly TopicPartition[]): void {
    this.#answer(() => this.#consumer.incrementalUnassign(partitions))
  }

  /** The driver may ask on while it disconnects, and then takes no answer. */
  #answer(answer: () => void): void {
    try {
      answer()
    } catch (thrown) {
      if (!this.#left) throw thrown
    }
  }

  async #assigned(partitions: readonly TopicPartition[]): Promise<void> {
    if (this.#left) return
    this.generation = ++this.#rebalances
    this.#owned = [...this.#owned, ...partitions]
    await this.#on.assigned(partitions)
  }

  async #revoked(partitions: readonly TopicPartition[], given: readonly TopicPartition[]): Promise<void> {
    try {
      if (!this.#left) await this.#on.revoked(partitions)
    } finally {
      this.#owned = this.#owned.filter(own => !partitions.some(one => one.topic === own.topic && one.partition === own.partition))
      this.generation = ++this.#rebalances
      this.#give(given)
    }
  }

  async #lost(): Promise<void> {
    if (this.#left) return
    const owned = this.#owned
    this.#owned = []
    this.generation = -1
    this.#on.lost(owned, new ConfluentError('UNKNOWN_MEMBER_ID', `the group ${this.group} gave this member up`, { fenced: true }))
  }

  #queue(callback: () => Promise<void>): void {
    this.#callbacks++
    this.#calling = this.#calling
      .then(callback)
      .catch((thrown: unknown) => {
        if (this.#left) return
        const message = `a callback of the member failed: ${reasonOf(thrown)}`
        this.#on.lost(this.#owned, new ConfluentError('CALLBACK_FAILED', message, { cause: thrown }))
      })
      .finally(() => {
        this.#callbacks--
        if (this.#alive !== undefined) this.#alive = Date.now()
      })
  }

  /** The partitions of all topics that come with those of the subscribed one. */
  #allOf(partitions: readonly TopicPartition[]): readonly TopicPartition[] {
    return partitions.flatMap(({ partition }) =>
      [...this.#partitions].filter(([, count]) => partition < count).map(([topic]) => ({ topic, partition })),
    )
  }

  #awake(): void {
    this.#stirred = true
    this.#stir()
  }

  async #quiet(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#stir = resolve
    const timer = setTimeout(resolve, lookMs)
    await promise
    clearTimeout(timer)
  }
}

/** The topic with the most partitions; of several the first by name, so that all members choose the same one. */
function guideOf(partitions: ReadonlyMap<string, number>): string {
  const [first] = [...partitions].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  return first![0]
}

/** A commit that crosses a rebalance is of the generation before. As long as this member is in the group, what it commits is its own until it has given it up. */
const passes = ({ retriable, code }: BrokerError): boolean => retriable || code === 'ILLEGAL_GENERATION'

const noAssignor = (): ConfluentError =>
  new ConfluentError('UNSUPPORTED', 'librdkafka takes no assignor of ours: leave `assign` and `assignor` out, or use @riacho/kafka', {
    fatal: true,
  })
