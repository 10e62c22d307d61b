import type { GroupOptions, TopicPartition } from '@riacho/streams/engine'
import { keyOf } from '../metadata/partitions.ts'

type Assign = NonNullable<GroupOptions['assign']>

/** A member as the leader of a group sees it. */
export interface Member {
  readonly id: string
  readonly owned: readonly TopicPartition[]
}

/** Equal partition numbers of all topics together, in ranges over the members. */
export const byRange: Assign = (members, partitions) => {
  const count = Math.max(0, ...partitions.map(at => at.partition + 1))
  const size = Math.ceil(count / members.length)
  return new Map(members.map((member, i) => [member, partitions.filter(at => Math.floor(at.partition / size) === i)]))
}

/**
 * Distributes the partitions, but holds back those that another member still owns: it gives them up first, and joins again (cooperative
 * rebalancing, KIP-429).
 */
export function distribute(
  members: readonly Member[],
  partitions: readonly TopicPartition[],
  assign: Assign,
): Map<string, TopicPartition[]> {
  const owners = new Map(members.flatMap(member => member.owned.map(at => [keyOf(at), member.id])))
  const target = assign(members.map(member => member.id).sort(), partitions)
  const free = (id: string) => (at: TopicPartition) => (owners.get(keyOf(at)) ?? id) === id
  return new Map(members.map(({ id }) => [id, (target.get(id) ?? []).filter(free(id))]))
}

/** Those of `all` that are not among `others`. */
export function without(all: readonly TopicPartition[], others: readonly TopicPartition[]): TopicPartition[] {
  const known = new Set(others.map(keyOf))
  return all.filter(at => !known.has(keyOf(at)))
}
