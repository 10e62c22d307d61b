import type { GroupAssignor, GroupMember, GroupOptions, GroupShare, TopicPartition } from '@riacho/streams/engine'
import { KafkaError } from '../errors.ts'
import { keyOf } from '../metadata/partitions.ts'

/** A member as the leader of a group sees it. */
export interface Member extends GroupMember {
  /** In which it owned what it says that it owns. */
  readonly generation: number
}

/** Equal partition numbers of all topics together, in ranges over the members. */
export const byRange: NonNullable<GroupOptions['assign']> = (members, partitions) => {
  const count = Math.max(0, ...partitions.map(at => at.partition + 1))
  const size = Math.ceil(count / members.length)
  return new Map(members.map((member, i) => [member, partitions.filter(at => Math.floor(at.partition / size) === i)]))
}

/** How the members of a group share, in the form that says most. */
export function assignorOf({ assignor, assign = byRange }: GroupOptions): GroupAssignor['assign'] {
  if (assignor !== undefined) return (members, partitions) => assignor.assign(members, partitions)
  return (members, partitions) => {
    const shares = assign(
      members.map(member => member.id),
      partitions,
    )
    return new Map([...shares].map(([id, share]) => [id, { partitions: share }]))
  }
}

/**
 * Distributes the partitions, but holds back those that another member still owns: it gives them up first, and joins again (cooperative
 * rebalancing, KIP-429). Throws ASSIGNMENT when a partition is given twice, to a stranger, or is not the group's.
 */
export function distribute(
  members: readonly Member[],
  partitions: readonly TopicPartition[],
  assign: GroupAssignor['assign'],
): Map<string, GroupShare> {
  const owners = ownersOf(members)
  const sorted = members.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const target = assign(sorted, partitions)
  check(target, members, partitions)
  const free = (id: string) => (at: TopicPartition) => (owners.get(keyOf(at)) ?? id) === id
  return new Map(
    sorted.map(({ id }) => {
      const share = target.get(id)
      return [id, { partitions: (share?.partitions ?? []).filter(free(id)), data: share?.data }]
    }),
  )
}

/** Who owns what. Of two that say so the one of the later generation is right: the other missed a rebalance; of the same generation neither (KIP-792). */
function ownersOf(members: readonly Member[]): ReadonlyMap<string, string | undefined> {
  const claims = new Map<string, { id: string | undefined; generation: number }>()
  for (const { id, owned, generation } of members) {
    for (const at of owned) {
      const other = claims.get(keyOf(at))
      if (other === undefined || generation > other.generation) claims.set(keyOf(at), { id, generation })
      else if (generation === other.generation) other.id = undefined
    }
  }
  return new Map([...claims].map(([key, { id }]) => [key, id]))
}

function check(target: ReadonlyMap<string, GroupShare>, members: readonly Member[], partitions: readonly TopicPartition[]): void {
  const free = new Set(partitions.map(keyOf))
  const known = new Set(members.map(member => member.id))
  for (const [id, share] of target) {
    if (!known.has(id)) throw new KafkaError('ASSIGNMENT', `the assignment names ${JSON.stringify(id)}, who is no member of the group`)
    for (const at of share.partitions)
      if (!free.delete(keyOf(at)))
        throw new KafkaError('ASSIGNMENT', `the assignment gives ${keyOf(at)} twice, or it is not a partition of the group's topics`)
  }
}

/** Those of `all` that are not among `others`. */
export function without<At extends TopicPartition>(all: readonly At[], others: readonly TopicPartition[]): At[] {
  const known = new Set(others.map(keyOf))
  return all.filter(at => !known.has(keyOf(at)))
}
