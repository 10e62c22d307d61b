import {
  type Admin,
  type CommittedOffset,
  type PartitionOffsets,
  reasonOf,
  type TopicPartition,
  type TopicSpec,
} from '@riacho/streams/engine'
import { called, type DriverAdmin, type DriverOffset, type DriverTopic } from './driver.ts'
import { ConfluentError, LastWords } from './errors.ts'
import type { Home } from './home.ts'

/** The replication factor that the cluster is configured with. */
const clusterDefault = -1
const isolation = { uncommitted: 0, committed: 1 } as const

/** The Admin of a cluster. */
export class ConfluentAdmin implements Admin {
  readonly #home: Home
  readonly #admin: DriverAdmin
  /** What the driver said last of the way to the cluster. */
  readonly #said = new LastWords()
  #closed = false

  constructor(home: Home) {
    const { client, last } = home.settings
    this.#home = home
    const on = {
      'event.error': (thrown: unknown) => this.#said.failed(reasonOf(thrown)),
      'event.log': ({ message }: { readonly message: string }) => this.#said.logged(message),
    }
    this.#admin = home.made(() => home.driver.AdminClient.create({ ...client, ...last }, on))
  }

  /** Resolves when a broker answers. */
  async reach(): Promise<void> {
    const { connectTimeoutMs: timeout } = this.#home.settings
    await called(done => this.#admin.listTopics({ timeout }, done)).catch((thrown: unknown) => {
      const failure = this.#home.failures.of(thrown)
      throw failure.retriable ? (this.#said.failure ?? failure) : failure
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#admin.disconnect()
  }

  async createTopics(topics: readonly TopicSpec[]): Promise<void> {
    for (const topic of topics) await this.#create(topic)
    // The controller knows them already; the brokers that serve them must know them, too.
    await this.#retrying(() => this.#ready(topics.map(topic => topic.name)))
  }

  async #create({ name, partitions, config = {} }: TopicSpec): Promise<void> {
    const topic = { topic: name, num_partitions: partitions, replication_factor: clusterDefault, config }
    await this.#retrying(() => called(done => this.#admin.createTopic(topic, this.#timeout, done))).catch((thrown: unknown) => {
      const failure = this.#home.failures.of(thrown)
      if (failure.code !== 'TOPIC_ALREADY_EXISTS') throw failure
    })
  }

  async #ready(names: readonly string[]): Promise<void> {
    const known = await this.#described(names)
    const late = names.find(name => {
      const topic = known.find(one => one.name === name)
      return topic === undefined || topic.partitions.some(({ leader }) => leader === undefined || leader.id < 0)
    })
    if (late !== undefined) throw new ConfluentError('LEADER_NOT_AVAILABLE', `topic '${late}' has no leader yet`, { retriable: true })
  }

  async partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const known = await this.#retrying(() => this.#described(topics))
    return new Map(known.map(topic => [topic.name, topic.partitions.length]))
  }

  /** Those that exist. */
  async #described(names: readonly string[]): Promise<readonly DriverTopic[]> {
    if (names.length === 0) return []
    const topics = await called<readonly DriverTopic[]>(done =>
      this.#admin.describeTopics([...new Set(names)], { timeout: this.#timeout }, done),
    )
    return topics.filter(topic => {
      if (!topic.error) return true
      const failure = this.#home.failures.of(topic.error)
      if (failure.code === 'UNKNOWN_TOPIC_OR_PARTITION') return false
      throw failure
    })
  }

  async offsets(of: readonly TopicPartition[]): Promise<readonly PartitionOffsets[]> {
    if (of.length === 0) return []
    const { EARLIEST, LATEST } = this.#home.driver.OffsetSpec
    const [start, highWatermark, lastStable] = await Promise.all([
      this.#listed(of, EARLIEST, isolation.uncommitted),
      this.#listed(of, LATEST, isolation.uncommitted),
      this.#listed(of, LATEST, isolation.committed),
    ])
    return of.map(({ topic, partition }) => {
      const at = (found: readonly DriverOffset[]) => found.find(one => one.topic === topic && one.partition === partition)!.offset
      return { topic, partition, start: at(start), highWatermark: at(highWatermark), lastStable: at(lastStable) }
    })
  }

  async #listed(of: readonly TopicPartition[], offset: unknown, isolationLevel: number): Promise<readonly DriverOffset[]> {
    const asked = of.map(({ topic, partition }) => ({ topic, partition, offset }))
    return this.#retrying(async () =>
      this.#whole(
        await called<readonly DriverOffset[]>(done => this.#admin.listOffsets(asked, { timeout: this.#timeout, isolationLevel }, done)),
      ),
    )
  }

  async committed(group: string, of: readonly TopicPartition[]): Promise<readonly CommittedOffset[]> {
    if (of.length === 0) return []
    const asked = [{ groupId: group, partitions: of.map(({ topic, partition }) => ({ topic, partition })) }]
    const found = await this.#retrying(async () => {
      const about = { timeout: this.#timeout, requireStableOffsets: true }
      type Groups = readonly { readonly error?: unknown; readonly partitions: readonly DriverOffset[] }[]
      const groups = await called<Groups>(done => this.#admin.listConsumerGroupOffsets(asked, about, done))
      for (const { error } of groups) if (error) throw this.#home.failures.of(error)
      return this.#whole(groups.flatMap(({ partitions }) => partitions))
    })
    return found
      .filter(({ offset }) => offset >= 0)
      .map(({ topic, partition, offset, metadata }) => ({ topic, partition, offset, metadata: metadata ?? '' }))
  }

  async deleteRecords(before: readonly CommittedOffset[]): Promise<void> {
    if (before.length === 0) return
    const asked = before.map(({ topic, partition, offset }) => ({ topic, partition, offset }))
    await this.#retrying(async () =>
      this.#whole(await called<readonly DriverOffset[]>(done => this.#admin.deleteRecords(asked, { timeout: this.#timeout }, done))),
    )
  }

  /** Throws the first partition's error. */
  #whole(answers: readonly DriverOffset[]): readonly DriverOffset[] {
    for (const { error, topic, partition } of answers) if (error) throw this.#home.failures.of(error, { topic, partition })
    return answers
  }

  get #timeout(): number {
    return this.#home.settings.requestTimeoutMs
  }

  #retrying<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    return this.#home.retrying(async () => {
      if (this.#closed) throw new ConfluentError('NETWORK_EXCEPTION', 'the broker was closed')
      return call()
    })
  }
}
