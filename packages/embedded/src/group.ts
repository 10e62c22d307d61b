import {
  BrokerError,
  type Clock,
  type CommittedOffset,
  type GroupCallbacks,
  type GroupMember,
  type GroupOptions,
  type GroupShare,
  type Membership,
  reasonOf,
  type TopicPartition,
} from '@riacho/streams/engine'
import { sharesOf } from './assign.ts'
import { nameOf, staleMember } from './errors.ts'

/** What a group needs of its broker. */
export interface GroupHome {
  readonly clock: Clock
  /** Partitions of these topics, in order of topic and number. */
  partitionsOf(topics: readonly string[]): readonly TopicPartition[]
  commit(group: string, offsets: readonly CommittedOffset[]): void
}

/** Milliseconds that a member has to give partitions up. */
const revokeMax = 60_000
/** Milliseconds until a lost member joins again. */
const rejoinDelay = 1000

/** The members of one group in this process. Rebalances run one after the other. */
export class Group {
  readonly name: string
  generation = 0
  readonly #home: GroupHome
  readonly #members = new Map<string, Member>()
  #joined = 0
  #wanted = false
  #balancing = false
  #closed = false

  constructor(name: string, home: GroupHome) {
    this.name = name
    this.#home = home
  }

  /** Topics of the members. */
  get topics(): readonly string[] {
    return [...new Set([...this.#members.values()].flatMap(member => member.options.topics))].sort()
  }

  join(options: GroupOptions, on: GroupCallbacks): Member {
    const member = new Member(this, options, on)
    const { instanceId } = options
    const before = instanceId && [...this.#members.values()].find(other => other.options.instanceId === instanceId)
    if (before) this.#replace(before, instanceId)
    this.#admit(member)
    return member
  }

  /** Who comes under the name of another takes its place, for good. */
  #replace(member: Member, instanceId: string): void {
    const { owned } = member
    member.left.abort()
    this.#members.delete(member.memberId)
    member.depart()
    const why = `Another member of group "${this.name}" joined as instance "${instanceId}": give each its own instanceId.`
    member.on.lost(owned, new BrokerError('FENCED_INSTANCE_ID', why, { fenced: true, fatal: true }))
  }

  leave(member: Member): void {
    member.left.abort()
    if (!this.#members.delete(member.memberId)) return
    member.depart()
    this.rebalance()
  }

  commit(member: Membership, offsets: readonly CommittedOffset[]): void {
    this.check(member)
    this.#home.commit(this.name, offsets)
  }

  /** Throws a fenced error when the member is gone, or of another generation. */
  check(member: Membership): void {
    if (!this.#members.has(member.memberId)) throw staleMember(this.name, member.memberId, 'UNKNOWN_MEMBER_ID')
    if (member.generation !== this.#members.get(member.memberId)!.generation)
      throw staleMember(this.name, member.memberId, 'ILLEGAL_GENERATION')
  }

  /** Distributes the partitions anew, soon; while one round runs, one more is remembered. */
  rebalance(): void {
    this.#wanted = true
    if (this.#balancing) return
    this.#balancing = true
    void this.#rounds()
  }

  /** Forgets all members: the broker closes. */
  close(): void {
    this.#closed = true
    for (const member of this.#members.values()) member.depart()
    this.#members.clear()
  }

  #admit(member: Member): void {
    member.memberId = `${this.name}-${String(++this.#joined).padStart(6, '0')}`
    this.#members.set(member.memberId, member)
    this.rebalance()
  }

  async #rounds(): Promise<void> {
    // One turn later, so that members that join together are one round, and `join` resolves before `assigned`.
    await Promise.resolve()
    await Promise.resolve()
    while (this.#wanted) {
      this.#wanted = false
      await this.#round()
    }
    this.#balancing = false
  }

  async #round(): Promise<void> {
    const plan = this.#plan()
    if (plan === undefined) return
    await Promise.all([...this.#members.values()].map(member => this.#revoke(member, plan.get(member.memberId)?.partitions ?? [])))
    // Somebody joined or left meanwhile: another round follows, and nothing is given to who is gone.
    this.generation++
    const members = [...this.#members.values()]
    for (const member of members) member.generation = this.generation
    await Promise.all(members.map(member => this.#assign(member, plan.get(member.memberId))))
  }

  #plan(): ReadonlyMap<string, GroupShare> | undefined {
    const members = [...this.#members.values()]
    const leader = members[0]
    if (leader === undefined) return undefined
    const partitions = this.#home.partitionsOf(this.topics)
    try {
      return sharesOf(leader.options, members.map(asSeen), partitions)
    } catch (thrown) {
      const error =
        thrown instanceof BrokerError
          ? thrown
          : new BrokerError('ASSIGNMENT', `The group's assign function failed: ${reasonOf(thrown)}`, { cause: thrown })
      this.#expel(leader, error)
      return undefined
    }
  }

  async #revoke(member: Member, planned: readonly TopicPartition[]): Promise<void> {
    const kept = new Set(planned.map(nameOf))
    const going = member.owned.filter(at => !kept.has(nameOf(at)))
    if (going.length === 0) return
    const limit = new AbortController()
    const late = this.#home.clock.sleep(revokeMax, limit.signal).then(() => 'late' as const)
    try {
      const end = await Promise.race([late, member.gone, member.on.revoked(going).then(() => 'done' as const)])
      if (end === 'late')
        throw new BrokerError('REBALANCE_TIMEOUT', `Member ${member.memberId} took more than ${revokeMax} ms to give partitions up.`, {
          fenced: true,
        })
      member.owned = member.owned.filter(at => kept.has(nameOf(at)))
    } catch (thrown) {
      const why = `Member ${member.memberId} failed to give partitions up: ${reasonOf(thrown)}`
      this.#expel(member, thrown instanceof BrokerError ? thrown : new BrokerError('REVOKE_FAILED', why, { fenced: true, cause: thrown }))
    } finally {
      limit.abort()
    }
  }

  async #assign(member: Member, { partitions, data }: GroupShare = { partitions: [] }): Promise<void> {
    const had = new Set(member.owned.map(nameOf))
    const coming = partitions.filter(at => !had.has(nameOf(at)))
    if (coming.length === 0 && member.known && data === undefined) return
    member.known = true
    member.owned = [...member.owned, ...coming]
    try {
      await Promise.race([member.gone, member.on.assigned(coming, data)])
    } catch (thrown) {
      const why = `Member ${member.memberId} failed to take partitions: ${reasonOf(thrown)}`
      this.#expel(member, new BrokerError('ASSIGN_FAILED', why, { fenced: true, cause: thrown }))
    }
  }

  /** The member is lost; it joins again a little later, so that one that fails each time does not keep the group busy. */
  #expel(member: Member, reason: BrokerError): void {
    if (!this.#members.delete(member.memberId)) return
    const owned = member.owned
    member.depart()
    this.rebalance()
    void this.#home.clock.sleep(rejoinDelay, member.left.signal).then(() => {
      if (!this.#closed && !member.left.signal.aborted) this.#admit(member)
    })
    member.on.lost(owned, reason)
  }
}

const asSeen = ({ memberId, options, owned }: Member): GroupMember => {
  return { id: memberId, instanceId: options.instanceId, data: options.assignor?.data?.(), owned }
}

/** One member. */
export class Member implements Membership {
  memberId = ''
  readonly options: GroupOptions
  readonly on: GroupCallbacks
  generation = -1
  owned: readonly TopicPartition[] = []
  /** It has had its first assignment since it joined. */
  known = false
  /** Aborted when the member has left for good. */
  readonly left = new AbortController()
  /** Resolves when the member is no longer of the group. */
  gone!: Promise<'gone'>
  readonly #group: Group
  #depart: () => void = () => {}

  constructor(group: Group, options: GroupOptions, on: GroupCallbacks) {
    this.#group = group
    this.options = options
    this.on = on
    this.#arrive()
  }

  get group(): string {
    return this.#group.name
  }

  async commit(offsets: readonly CommittedOffset[]): Promise<void> {
    this.#group.commit(this, offsets)
  }

  async leave(): Promise<void> {
    this.#group.leave(this)
  }

  /** Gives everything up. */
  depart(): void {
    this.owned = []
    this.known = false
    this.generation = -1
    this.#depart()
    this.#arrive()
  }

  #arrive(): void {
    this.gone = new Promise(resolve => {
      this.#depart = () => resolve('gone')
    })
  }
}
