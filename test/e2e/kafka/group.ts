import { setTimeout as sleep } from 'node:timers/promises'
import { heartbeatV4, joinGroupV9, leaveGroupV5, offsetCommitV9, syncGroupV5 } from '@platformatic/kafka'
import {
  BrokerError,
  type CommittedOffset,
  type GroupCallbacks,
  type GroupOptions,
  type Membership,
  type TopicPartition,
} from '@riacho/streams/engine'
import { byRange, distribute, without } from './assignment.ts'
import { coordinator } from './coordinator.ts'
import { failureOf } from './failure.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './group-wire.ts'
import type { Link } from './link.ts'
import { byTopic, lookUp } from './topics.ts'

const protocolType = 'consumer'
const protocolName = 'riacho'
const sessionTimeout = 10_000
const rebalanceTimeout = 60_000
const heartbeatInterval = 300

/** Two ways to the coordinator: it answers a join only when everybody has joined, and nothing behind it on the same connection. */
export interface GroupLinks {
  readonly joining: Link
  readonly talking: Link
}

/** A member of a classic consumer group with cooperative rebalancing: only partitions that move are revoked, and the callback is awaited before they can. */
export class KafkaMembership implements Membership {
  readonly group: string
  memberId = ''
  generation = -1
  readonly #links: GroupLinks
  readonly #options: GroupOptions
  readonly #on: GroupCallbacks
  #owned: readonly TopicPartition[] = []
  /** It has had its first assignment since it joined. */
  #told = false
  #rejoining = false
  #left = false

  private constructor(links: GroupLinks, options: GroupOptions, on: GroupCallbacks) {
    this.group = options.group
    this.#links = links
    this.#options = options
    this.#on = on
  }

  /** Asks for a member id; the group takes the member in afterwards. */
  static async join(links: GroupLinks, options: GroupOptions, on: GroupCallbacks): Promise<KafkaMembership> {
    await coordinator(links.joining, 'group', options.group)
    const member = new KafkaMembership(links, options, on)
    await member.#introduce()
    void member.#live()
    return member
  }

  async commit(offsets: readonly CommittedOffset[]): Promise<void> {
    if (this.#left) throw new BrokerError('UNKNOWN_MEMBER_ID', `the member has left the group ${this.group}`, { fenced: true })
    const topics = [...byTopic(offsets)].map(([name, list]) => ({
      name,
      partitions: list.map(at => ({
        partitionIndex: at.partition,
        committedOffset: BigInt(at.offset),
        committedLeaderEpoch: -1,
        committedMetadata: at.metadata ?? '',
      })),
    }))
    const { talking } = this.#links
    // While the group rebalances no commit is taken; what this member still owns then it commits in the next generation.
    await talking.retrying(async () => {
      const { generation } = this
      const committed = talking.once(offsetCommitV9.api, this.group, generation, this.memberId, null, topics)
      await committed.catch((failure: BrokerError) => this.#refused(failure, generation))
    })
  }

  /** The group may begin its next generation before this member hears of it: that is no fencing. */
  #refused(failure: BrokerError, generation: number): never {
    const rejoins = this.#rejoining || this.generation !== generation
    if (failure.code !== 'ILLEGAL_GENERATION' || !rejoins || this.memberId === '') throw failure
    throw new BrokerError('REBALANCE_IN_PROGRESS', 'the group rebalances', { retriable: true, cause: failure })
  }

  async leave(): Promise<void> {
    if (this.#left) return
    this.#left = true
    this.#owned = []
    const member = { memberId: this.memberId, groupInstanceId: null, reason: 'leaves' }
    await this.#links.talking.once(leaveGroupV5.api, this.group, [member]).catch(() => undefined)
    await this.#hangUp()
  }

  async #hangUp(): Promise<void> {
    await Promise.all([this.#links.joining.close(), this.#links.talking.close()])
  }

  /** The first join of a new member is refused with the id that it shall join with. */
  async #introduce(): Promise<void> {
    try {
      await this.#links.joining.retrying(() => this.#join())
    } catch (thrown) {
      const failure = failureOf(thrown)
      const given = (failure.cause as { response?: { memberId?: string } } | undefined)?.response?.memberId
      if (failure.code !== 'MEMBER_ID_REQUIRED' || given === undefined) throw failure
      this.memberId = given
    }
  }

  #join(): Promise<joinGroupV9.JoinGroupResponse> {
    const metadata = encodeSubscription({ topics: this.#options.topics, owned: this.#owned })
    const protocols = [{ name: protocolName, metadata }]
    const { joining } = this.#links
    return joining.once(joinGroupV9.api, this.group, sessionTimeout, rebalanceTimeout, this.memberId, null, protocolType, protocols)
  }

  async #live(): Promise<void> {
    while (!this.#left) {
      try {
        await this.#round()
      } catch (thrown) {
        if (!this.#left) await this.#loseOrRejoin(failureOf(thrown))
      }
    }
  }

  /** Joins, takes what is assigned, gives up what is not, and stays until the group rebalances. */
  async #round(): Promise<void> {
    this.#rejoining = true
    const assigned = await this.#sync(await this.#join()).finally(() => {
      this.#rejoining = false
    })
    if (this.#left) return
    const revoked = without(this.#owned, assigned)
    const added = without(assigned, this.#owned)
    const rebalancing = this.#heartbeats()
    rebalancing.catch(() => {}) // It may fail while a callback is awaited; whoever awaits it still sees that.
    if (revoked.length > 0) await this.#on.revoked(revoked)
    this.#owned = without(this.#owned, revoked)
    if ((added.length > 0 || !this.#told) && !this.#left) {
      this.#told = true
      this.#owned = [...this.#owned, ...added]
      await this.#on.assigned(added)
    }
    // Who gave something up joins again at once, so that it can be given to its new owner.
    if (revoked.length === 0) await rebalancing
  }

  async #sync(joined: joinGroupV9.JoinGroupResponse): Promise<readonly TopicPartition[]> {
    this.memberId = joined.memberId
    this.generation = joined.generationId
    const shares = joined.leader === joined.memberId ? await this.#lead(joined.members) : []
    const { joining } = this.#links
    const request = [this.group, this.generation, this.memberId, null, protocolType, protocolName, shares] as const
    const synced = await joining.once(syncGroupV5.api, ...request)
    return decodeAssignment(synced.assignment)
  }

  /** Distributes the partitions of everybody's topics. */
  async #lead(members: readonly joinGroupV9.JoinGroupResponseMember[]): Promise<syncGroupV5.SyncGroupRequestAssignment[]> {
    const subscribed = members.map(member => ({ id: member.memberId, ...decodeSubscription(member.metadata) }))
    const topics = await lookUp(this.#links.joining, [...new Set(subscribed.flatMap(member => member.topics))])
    const partitions = [...topics.values()].flatMap(topic =>
      Array.from({ length: topic.partitions }, (_, partition) => ({ topic: topic.name, partition })),
    )
    const shares = distribute(subscribed, partitions, this.#options.assign ?? byRange)
    return [...shares].map(([memberId, share]) => ({ memberId, assignment: encodeAssignment(share) }))
  }

  /** Resolves when the group rebalances or this member left; rejects when it is no member any more. */
  async #heartbeats(): Promise<void> {
    const { talking } = this.#links
    const generation = this.generation
    while (!this.#left && this.generation === generation) {
      await sleep(heartbeatInterval)
      if (this.#left) return
      const failure = await talking.once(heartbeatV4.api, this.group, generation, this.memberId, null).then(() => undefined, failureOf)
      if (failure?.code === 'REBALANCE_IN_PROGRESS') return
      if (failure !== undefined && !failure.retriable) throw failure
    }
  }

  /** A member that is known no more has lost everything and joins as a new one. */
  async #loseOrRejoin(failure: BrokerError): Promise<void> {
    if (failure.fenced || !failure.retriable) {
      const lost = this.#owned
      this.#owned = []
      this.#told = false
      this.memberId = ''
      this.generation = -1
      if (lost.length > 0) this.#on.lost(lost, failure)
    }
    if (failure.fenced) await this.#introduce().catch(() => undefined)
    else if (!failure.retriable) return this.leave()
    await sleep(heartbeatInterval)
  }
}
