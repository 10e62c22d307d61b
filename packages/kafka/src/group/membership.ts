import { heartbeatV4, joinGroupV9, leaveGroupV5, offsetCommitV8, syncGroupV5 } from '@platformatic/kafka'
import type { BrokerError, CommittedOffset, GroupCallbacks, GroupOptions, Membership, TopicPartition } from '@riacho/streams/engine'
import { failureOf, KafkaError } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { offsetTopics } from '../metadata/partitions.ts'
import type { Links } from '../transport/links.ts'
import { byRange, distribute, without } from './assignment.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './wire.ts'

const protocolType = 'consumer'
const protocolName = 'riacho'

/** How a member lives in its group. Times in milliseconds. */
export interface MemberOptions {
  /** A member that is not heard of for so long is lost. */
  readonly sessionTimeoutMs: number
  /** How long the others wait for a member that gives partitions up. */
  readonly rebalanceTimeoutMs: number
  readonly heartbeatIntervalMs: number
}

/** What a member needs. A coordinator answers a join only when everybody has joined, and nothing behind it on the same connection: so there are two ways to it. */
export interface MemberHome {
  readonly cluster: Cluster
  readonly joining: Links
  readonly talking: Links
  readonly options: MemberOptions
  closed(member: Membership): void
}

/** A member of a classic consumer group with cooperative rebalancing: only partitions that move are revoked, and the callback is awaited before they can. */
export class KafkaMembership implements Membership {
  readonly group: string
  memberId = ''
  generation = -1
  readonly #home: MemberHome
  readonly #options: GroupOptions
  readonly #on: GroupCallbacks
  #owned: readonly TopicPartition[] = []
  /** It has had its first assignment since it joined. */
  #told = false
  #rejoining = false
  #left = false

  private constructor(home: MemberHome, options: GroupOptions, on: GroupCallbacks) {
    this.group = options.group
    this.#home = home
    this.#options = options
    this.#on = on
  }

  /** Asks for a member id; the group takes the member in afterwards. */
  static async join(home: MemberHome, options: GroupOptions, on: GroupCallbacks): Promise<KafkaMembership> {
    const member = new KafkaMembership(home, options, on)
    await home.joining.retrying(() => member.#introduce())
    void member.#live()
    return member
  }

  /**
   * While the group rebalances no commit is taken; what this member still owns then it commits in the next generation. That needs no callback: so it may be awaited by what a
   * callback waits for.
   */
  async commit(offsets: readonly CommittedOffset[]): Promise<void> {
    const { memberId } = this
    const { talking } = this.#home
    const topics = offsetTopics(offsets)
    await talking.retrying(async () => {
      if (this.#left || this.memberId !== memberId || memberId === '')
        throw new KafkaError('UNKNOWN_MEMBER_ID', `this member is no longer in the group ${this.group}`)
      const { generation } = this
      const committing = this.#asking(broker => talking.once(broker, offsetCommitV8.api, this.group, generation, memberId, null, topics))
      await committing.catch(async (failure: BrokerError) => {
        if (failure.code !== 'ILLEGAL_GENERATION' || !(await this.follows(memberId, generation))) throw failure
        throw new KafkaError('REBALANCE_IN_PROGRESS', 'the group rebalances', { cause: failure })
      })
    })
  }

  /** Whether the member that had this generation goes on in a later one: the group may begin it before its member hears of it. Waits until that is known. */
  async follows(memberId: string, generation: number): Promise<boolean> {
    while (this.#rejoining && this.memberId === memberId && this.generation === generation && !this.#left)
      await this.#home.talking.pause(this.#home.options.heartbeatIntervalMs / 10)
    return !this.#left && memberId !== '' && this.memberId === memberId && this.generation > generation
  }

  async leave(): Promise<void> {
    if (this.#left) return
    this.#left = true
    this.#owned = []
    await this.#sayGoodbye()
    this.hangUp()
  }

  async #sayGoodbye(): Promise<void> {
    const member = { memberId: this.memberId, groupInstanceId: null, reason: 'leaves' }
    if (this.memberId === '') return
    await this.#asking(broker => this.#home.talking.once(broker, leaveGroupV5.api, this.group, [member])).catch(() => undefined)
  }

  /** Is silent from now on, as a member that died. */
  hangUp(): void {
    this.#left = true
    this.#home.joining.close()
    this.#home.talking.close()
    this.#home.closed(this)
  }

  #asking<Answer>(call: (broker: number) => Promise<Answer>): Promise<Answer> {
    return this.#home.cluster.atCoordinator('group', this.group, call)
  }

  /** The first join of a new member is refused with the id that it shall join with. */
  async #introduce(): Promise<void> {
    try {
      await this.#join()
    } catch (thrown) {
      const failure = failureOf(thrown)
      const given = (failure.cause as { response?: { memberId?: string } } | undefined)?.response?.memberId
      if (failure.code !== 'MEMBER_ID_REQUIRED' || given === undefined) throw failure
      this.memberId = given
    }
  }

  #join(): Promise<joinGroupV9.JoinGroupResponse> {
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.#home.options
    const metadata = encodeSubscription({ topics: this.#options.topics, owned: this.#owned })
    const request = [this.group, sessionTimeoutMs, rebalanceTimeoutMs, this.memberId, null, protocolType] as const
    return this.#asking(broker => this.#home.joining.once(broker, joinGroupV9.api, ...request, [{ name: protocolName, metadata }]))
  }

  async #live(): Promise<void> {
    while (!this.#left) {
      try {
        await this.#round()
      } catch (thrown) {
        if (!this.#left) await this.#loseOrRejoin(failureOf(thrown)).catch(() => undefined)
      }
    }
  }

  /** Joins, takes what is assigned, gives up what is not, and stays until the group rebalances. */
  async #round(): Promise<void> {
    this.#rejoining = true
    const assigned = await this.#join()
      .then(joined => this.#sync(joined))
      .finally(() => {
        this.#rejoining = false
      })
    if (this.#left) return
    const revoked = without(this.#owned, assigned)
    const added = without(assigned, this.#owned)
    const rebalancing = this.#heartbeats()
    rebalancing.catch(() => {}) // It may fail while a callback is awaited; whoever awaits it still sees that.
    if (revoked.length > 0) await this.#called('REVOKE_FAILED', () => this.#on.revoked(revoked))
    this.#owned = without(this.#owned, revoked)
    if ((added.length > 0 || !this.#told) && !this.#left) {
      this.#told = true
      this.#owned = [...this.#owned, ...added]
      await this.#called('ASSIGN_FAILED', () => this.#on.assigned(added))
    }
    // Who gave something up joins again at once, so that it can be given to its new owner.
    if (revoked.length === 0) await rebalancing
  }

  async #called(code: string, callback: () => Promise<void>): Promise<void> {
    try {
      await callback()
    } catch (cause) {
      throw new KafkaError(code, `a callback of the member failed: ${String((cause as Error)?.message ?? cause)}`, { cause })
    }
  }

  async #sync(joined: joinGroupV9.JoinGroupResponse): Promise<readonly TopicPartition[]> {
    this.memberId = joined.memberId
    this.generation = joined.generationId
    const shares = joined.leader === joined.memberId ? await this.#lead(joined.members) : []
    const request = [this.group, this.generation, this.memberId, null, protocolType, protocolName, shares] as const
    const synced = await this.#asking(broker => this.#home.joining.once(broker, syncGroupV5.api, ...request))
    return decodeAssignment(synced.assignment)
  }

  /** Distributes the partitions of everybody's topics. */
  async #lead(members: readonly joinGroupV9.JoinGroupResponseMember[]): Promise<syncGroupV5.SyncGroupRequestAssignment[]> {
    const subscribed = members.map(member => ({ id: member.memberId, ...decodeSubscription(member.metadata) }))
    const topics = await this.#home.cluster.lookUp([...new Set(subscribed.flatMap(member => member.topics))])
    const partitions = [...topics.values()].flatMap(topic => topic.leaders.map((_, partition) => ({ topic: topic.name, partition })))
    const shares = distribute(subscribed, partitions, this.#options.assign ?? byRange)
    return [...shares].map(([memberId, share]) => ({ memberId, assignment: encodeAssignment(share) }))
  }

  /** Resolves when the group rebalances or this member left; rejects when it is no member any more. */
  async #heartbeats(): Promise<void> {
    const { talking, options } = this.#home
    const { generation, memberId } = this
    while (!this.#left && this.generation === generation) {
      await talking.pause(options.heartbeatIntervalMs)
      const beat = this.#asking(broker => talking.once(broker, heartbeatV4.api, this.group, generation, memberId, null))
      const failure = await beat.then(() => undefined, failureOf)
      if (this.#left || failure?.code === 'REBALANCE_IN_PROGRESS') return
      if (failure !== undefined && !failure.retriable) throw failure
    }
  }

  /** A member that is known no more has lost everything and joins as a new one; so does one whose callbacks failed. What nobody can mend ends the membership. */
  async #loseOrRejoin(failure: BrokerError): Promise<void> {
    if (!failure.retriable) {
      const lost = this.#owned
      if (!failure.fenced) await this.#sayGoodbye()
      this.#owned = []
      this.#told = false
      this.memberId = ''
      this.generation = -1
      if (lost.length > 0 || failure.fatal) this.#on.lost(lost, failure)
      if (failure.fatal) return this.hangUp()
      await this.#introduce()
    }
    await this.#home.talking.pause(this.#home.options.heartbeatIntervalMs)
  }
}
