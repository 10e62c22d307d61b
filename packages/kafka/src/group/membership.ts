import type { joinGroupV9 } from '@platformatic/kafka'
import type { BrokerError, CommittedOffset, GroupCallbacks, GroupOptions, Membership, TopicPartition } from '@riacho/streams/engine'
import { failureOf, KafkaError } from '../errors.ts'
import { assignorOf, distribute, without } from './assignment.ts'
import { MemberCalls, type MemberWays } from './calls.ts'
import { Heartbeats } from './heartbeats.ts'
import { type Assignment, decodeAssignment, decodeSubscription } from './wire.ts'

/** What a member needs. */
export interface MemberHome extends MemberWays {
  /** Told who the member is each time that it changes; undefined when it is gone. */
  present(member: Membership, who: Present | undefined): void
  closed(member: Membership): void
}

/** What of a member must be known to beat for it. */
export interface Present {
  readonly group: string
  readonly memberId: string
  readonly generation: number
  readonly instanceId: string | null
}

/** Pauses between tries to join again: the first, and the longest. */
const [pauseMin, pauseMax] = [100, 1000]

/** A member of a classic consumer group with cooperative rebalancing: only partitions that move are revoked, and the callback is awaited before they can. */
export class KafkaMembership implements Membership {
  readonly group: string
  memberId = ''
  generation = -1
  readonly #home: MemberHome
  readonly #calls: MemberCalls
  readonly #options: GroupOptions
  readonly #on: GroupCallbacks
  #owned: readonly TopicPartition[] = []
  /** The answer to a first join that was not refused. */
  #first: joinGroupV9.JoinGroupResponse | undefined
  /** It has had its first assignment since it joined. */
  #told = false
  #rejoining = false
  #left = false
  /** Changes when everything is lost: what belongs to an earlier life counts no more. */
  #life = 0
  /** Rejects when something beside the heartbeats ends this life. */
  #ended = endOfLife()
  /** The last of the callbacks, which run one after the other. */
  #lastCallback: Promise<void> = Promise.resolve()
  #callbacks = 0
  #failures = 0
  /** When whoever works for this member was heard of last; undefined: it does not say. */
  #aliveAt: number | undefined
  #revived: () => void = () => {}

  private constructor(home: MemberHome, options: GroupOptions, on: GroupCallbacks) {
    this.group = options.group
    this.#home = home
    this.#options = options
    this.#on = on
    this.#calls = new MemberCalls(home, options.group, options.instanceId)
  }

  /** Asks for a member id; the group takes the member in afterwards. One with an instance id is taken in at once. */
  static async join(home: MemberHome, options: GroupOptions, on: GroupCallbacks): Promise<KafkaMembership> {
    const member = new KafkaMembership(home, options, on)
    member.#first = await home.joining.retrying(() => member.#join())
    void member.#live()
    return member
  }

  get instanceId(): string | null {
    return this.#calls.instanceId
  }

  /**
   * While a group that everybody has joined distributes its partitions no commit is taken; what this member still owns then it commits in the next generation. That needs no
   * callback: so it may be awaited by what a callback waits for.
   */
  async commit(offsets: readonly CommittedOffset[]): Promise<void> {
    const life = this.#life
    await this.#home.talking.retrying(async () => {
      if (this.#left || this.#life !== life || this.memberId === '')
        throw new KafkaError('UNKNOWN_MEMBER_ID', `this member is no longer in the group ${this.group}`)
      const [foreign] = without(offsets, this.#owned)
      if (foreign !== undefined)
        throw new KafkaError(
          'ILLEGAL_GENERATION',
          `this member of ${this.group} does not own ${foreign.topic}, partition ${foreign.partition}`,
        )
      const { memberId, generation } = this
      await this.#calls.commit({ memberId, generation }, offsets).catch(async (failure: BrokerError) => {
        const goesOn = failure.code === 'ILLEGAL_GENERATION' && (await this.follows(memberId, generation))
        if (goesOn) throw new KafkaError('REBALANCE_IN_PROGRESS', 'the group rebalances', { cause: failure })
        this.doubt(memberId, generation, failure)
        throw failure
      })
    })
  }

  /** Whether the member that had this generation goes on in a later one: the group may begin it before its member hears of it. Waits until that is known. */
  async follows(memberId: string, generation: number): Promise<boolean> {
    while (this.#rejoining && this.memberId === memberId && this.generation === generation && !this.#left)
      await this.#home.talking.pause(this.#home.options.heartbeatIntervalMs / 10)
    return !this.#left && memberId !== '' && this.memberId === memberId && this.generation > generation
  }

  /** The coordinator has refused something of this member because it does not know it: it need not wait for the next heartbeat to say so. */
  doubt(memberId: string, generation: number, failure: BrokerError): void {
    if (failure.fenced && this.memberId === memberId && this.generation === generation && !this.#rejoining) this.#ended.reject(failure)
  }

  alive(): void {
    this.#aliveAt = performance.now()
    this.#revived()
  }

  async leave(forGood = false): Promise<void> {
    if (this.#left) return
    this.#left = true
    this.#owned = []
    if (forGood || this.instanceId === null) await this.#calls.leave(this.memberId)
    this.hangUp()
  }

  /** Is silent from now on, as a member that died. */
  hangUp(): void {
    this.#left = true
    this.#home.present(this, undefined)
    this.#home.joining.close()
    this.#home.talking.close()
    this.#home.closed(this)
  }

  async #live(): Promise<void> {
    while (!this.#left) {
      try {
        await this.#round()
      } catch (thrown) {
        if (!this.#left) await this.#recover(failureOf(thrown)).catch(() => undefined)
      }
    }
  }

  /** Joins, takes what is assigned, gives up what is not, and stays until the group rebalances. */
  async #round(): Promise<void> {
    const assigned = await this.#rejoin()
    if (this.#left || assigned === undefined) return
    const revoked = without(this.#owned, assigned.partitions)
    const added = without(assigned.partitions, this.#owned)
    const heartbeats = this.#beating()
    try {
      if (revoked.length > 0) await Promise.race([this.#revoke(revoked), heartbeats.lost, this.#ended.promise])
      if (this.#left) return
      this.#owned = without(this.#owned, revoked)
      this.#assign(added, assigned.data)
      // Who gave something up joins again at once, so that it can be given to its new owner.
      if (revoked.length === 0) await Promise.race([heartbeats.rebalancing, this.#ended.promise])
    } finally {
      heartbeats.stop()
    }
  }

  #beating(): Heartbeats {
    const { memberId, generation } = this
    this.#home.present(this, { group: this.group, memberId, generation, instanceId: this.instanceId })
    const beat = () => {
      this.#checkAlive()
      return this.#calls.heartbeat({ memberId, generation })
    }
    const pause = (milliseconds: number) => this.#home.talking.pause(milliseconds)
    return new Heartbeats({ beat, pause, intervalMs: this.#home.options.heartbeatIntervalMs })
  }

  #checkAlive(): void {
    const silent = this.#aliveAt === undefined || this.#callbacks > 0 ? 0 : performance.now() - this.#aliveAt
    const { maxPollIntervalMs } = this.#home.options
    if (silent <= maxPollIntervalMs) return
    const advice = 'raise maxPollIntervalMs, or find what stands still'
    this.#ended.reject(new KafkaError(standsStill, `whoever works for this member was not heard of for ${maxPollIntervalMs} ms: ${advice}`))
  }

  /** Undefined: all there is is an id to join with. */
  async #rejoin(): Promise<Assignment | undefined> {
    this.#rejoining = true
    try {
      const joined = this.#first ?? (await this.#join())
      this.#first = undefined
      return joined && (await this.#sync(joined))
    } finally {
      this.#rejoining = false
    }
  }

  async #join(): Promise<joinGroupV9.JoinGroupResponse | undefined> {
    const { topics, assignor } = this.#options
    const told = { topics, data: assignor?.data?.(), owned: this.#owned, generation: this.generation }
    const joined = await this.#calls.join(this.memberId, told)
    if (typeof joined !== 'string') return joined
    this.memberId = joined
    return undefined
  }

  async #sync(joined: joinGroupV9.JoinGroupResponse): Promise<Assignment> {
    this.memberId = joined.memberId
    this.generation = joined.generationId
    // A leader with an instance id that comes back finds everything distributed already (KIP-814).
    const leads = joined.leader === joined.memberId && !joined.skipAssignment
    const assignment = await this.#calls.sync(this, leads ? await this.#lead(joined.members) : new Map())
    this.#failures = 0
    return decodeAssignment(assignment)
  }

  /** Distributes the partitions of everybody's topics. */
  async #lead(members: readonly joinGroupV9.JoinGroupResponseMember[]): Promise<ReturnType<typeof distribute>> {
    const subscribed = members.map(({ memberId: id, groupInstanceId, metadata }) => {
      return { id, instanceId: groupInstanceId ?? undefined, ...decodeSubscription(metadata) }
    })
    const topics = await this.#home.cluster.lookUp([...new Set(subscribed.flatMap(member => member.topics))])
    const partitions = [...topics.values()].flatMap(topic => topic.leaders.map((_, partition) => ({ topic: topic.name, partition })))
    return distribute(subscribed, partitions, assignorOf(this.#options))
  }

  /** What takes longer than the others wait would be theirs while it is still given up here. */
  async #revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const { rebalanceTimeoutMs } = this.#home.options
    const late = Promise.withResolvers<never>()
    const why = `partitions were not given up within ${rebalanceTimeoutMs} ms: raise rebalanceTimeoutMs, or find what takes so long`
    const timer = setTimeout(() => late.reject(new KafkaError('REBALANCE_TIMEOUT', why)), rebalanceTimeoutMs)
    try {
      await Promise.race([this.#called('REVOKE_FAILED', () => this.#on.revoked(partitions)), late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Nobody waits for it: the member may have to join again while its owner still gets ready. */
  #assign(added: readonly TopicPartition[], data: Uint8Array | undefined): void {
    if (added.length === 0 && this.#told && data === undefined) return
    this.#told = true
    this.#owned = [...this.#owned, ...added]
    const { reject } = this.#ended
    this.#called('ASSIGN_FAILED', () => this.#on.assigned(added, data)).catch(reject)
  }

  async #called(code: string, callback: () => Promise<void>): Promise<void> {
    const life = this.#life
    const call = this.#lastCallback.then(() => (this.#life === life && !this.#left ? callback() : undefined))
    this.#lastCallback = call.catch(() => {})
    this.#callbacks++
    try {
      await call
    } catch (cause) {
      throw new KafkaError(code, `a callback of the member failed: ${String((cause as Error)?.message ?? cause)}`, { cause })
    } finally {
      this.#callbacks--
      if (this.#aliveAt !== undefined) this.#aliveAt = performance.now()
    }
  }

  /**
   * By the rules of Java's AbstractCoordinator: what passes is tried again as the same member; one that missed a generation has lost everything; one that is known no more
   * has also lost its id; what nobody can mend ends the membership. One whose callbacks failed, or that nobody works for, leaves and comes back as another.
   */
  async #recover(failure: BrokerError): Promise<void> {
    const { talking } = this.#home
    if (failure.code === 'REBALANCE_IN_PROGRESS') return
    if (!failure.retriable) {
      const { memberId } = this
      this.#lose(failure)
      if (failure.fatal) return this.hangUp()
      if (!failure.fenced) {
        await this.#calls.leave(memberId)
        this.#failures = Number.POSITIVE_INFINITY
      }
      if (failure.code === standsStill) await this.#revival()
    }
    await talking.pause(Math.min(pauseMin * 2 ** this.#failures++, pauseMax))
  }

  #lose(failure: BrokerError): void {
    const lost = this.#owned
    this.#life++
    this.#ended = endOfLife()
    this.#owned = []
    this.#told = false
    this.generation = -1
    if (failure.code !== 'ILLEGAL_GENERATION') this.memberId = ''
    this.#home.present(this, undefined)
    if (lost.length > 0 || failure.fatal) this.#on.lost(lost, failure)
  }

  async #revival(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#revived = resolve
    await promise
    this.#revived = () => {}
  }
}

const standsStill = 'MAX_POLL_EXCEEDED'

function endOfLife(): PromiseWithResolvers<never> {
  const end = Promise.withResolvers<never>()
  end.promise.catch(() => {}) // Whoever awaits it still sees it.
  return end
}
