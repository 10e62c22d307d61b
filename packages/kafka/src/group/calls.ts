import { heartbeatV4, joinGroupV9, leaveGroupV5, offsetCommitV8, syncGroupV5 } from '@platformatic/kafka'
import type { CommittedOffset } from '@riacho/streams/engine'
import { failureOf } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { offsetTopics } from '../metadata/partitions.ts'
import type { Links } from '../transport/links.ts'
import { encodeAssignment, encodeSubscription, type Subscription } from './wire.ts'

const protocolType = 'consumer'
const protocolName = 'riacho'

/** How a member lives in its group. Times in milliseconds. */
export interface MemberOptions {
  /** A member that is not heard of for so long is lost. */
  readonly sessionTimeoutMs: number
  /** How long the others wait for a member that gives partitions up. */
  readonly rebalanceTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** How long whoever works for a member may not be heard of. */
  readonly maxPollIntervalMs: number
}

/** Ways to the coordinator of a group. It answers a join only when everybody has joined, and nothing behind it on the same connection: so there are two. */
export interface MemberWays {
  readonly cluster: Cluster
  readonly joining: Links
  readonly talking: Links
  readonly options: MemberOptions
}

/** What of a member the coordinator knows. */
export interface Presence {
  readonly memberId: string
  readonly generation: number
}

/** What a member of one group asks of its coordinator: each call is one try. */
export class MemberCalls {
  readonly group: string
  readonly instanceId: string | null
  readonly #ways: MemberWays

  constructor(ways: MemberWays, group: string, instanceId: string | undefined) {
    this.#ways = ways
    this.group = group
    this.instanceId = instanceId ?? null
  }

  /** The first join of a member without instance id is refused: then this is the id that it shall join with. */
  async join(memberId: string, told: Subscription): Promise<joinGroupV9.JoinGroupResponse | string> {
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.#ways.options
    const protocols = [{ name: protocolName, metadata: encodeSubscription(told) }]
    const request = [this.group, sessionTimeoutMs, rebalanceTimeoutMs, memberId, this.instanceId, protocolType, protocols] as const
    try {
      return await this.#asking(broker => this.#ways.joining.once(broker, joinGroupV9.api, ...mutable(request)))
    } catch (thrown) {
      const failure = failureOf(thrown)
      const given = (failure.cause as { response?: { memberId?: string } } | undefined)?.response?.memberId
      if (failure.code !== 'MEMBER_ID_REQUIRED' || given === undefined) throw failure
      return given
    }
  }

  async sync({ generation, memberId }: Presence, shares: ReadonlyMap<string, Parameters<typeof encodeAssignment>[0]>): Promise<Buffer> {
    const assignments = [...shares].map(([id, share]) => ({ memberId: id, assignment: encodeAssignment(share) }))
    const request = [this.group, generation, memberId, this.instanceId, protocolType, protocolName, assignments] as const
    const answer = await this.#asking(broker => this.#ways.joining.once(broker, syncGroupV5.api, ...mutable(request)))
    return answer.assignment
  }

  async heartbeat({ generation, memberId }: Presence): Promise<void> {
    await this.#asking(broker => this.#ways.talking.once(broker, heartbeatV4.api, this.group, generation, memberId, this.instanceId))
  }

  async commit({ generation, memberId }: Presence, offsets: readonly CommittedOffset[]): Promise<void> {
    const request = [this.group, generation, memberId, this.instanceId, offsetTopics(offsets)] as const
    await this.#asking(broker => this.#ways.talking.once(broker, offsetCommitV8.api, ...mutable(request)))
  }

  /** A coordinator that does not hear of it misses the member later. */
  async leave(memberId: string): Promise<void> {
    if (memberId === '') return
    const member = { memberId, groupInstanceId: this.instanceId, reason: 'leaves' }
    await this.#asking(broker => this.#ways.talking.once(broker, leaveGroupV5.api, this.group, [member])).catch(() => undefined)
  }

  #asking<Answer>(call: (broker: number) => Promise<Answer>): Promise<Answer> {
    return this.#ways.cluster.atCoordinator('group', this.group, call)
  }
}

const mutable = <List extends readonly unknown[]>(list: List): { -readonly [At in keyof List]: List[At] } => list
