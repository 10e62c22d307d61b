import { BrokerError, type GroupMember, type GroupOptions, type GroupShare, type TopicPartition } from '@riacho/streams/engine'
import { nameOf } from './errors.ts'

/** Partitions by member. */
export type Assignment = ReadonlyMap<string, readonly TopicPartition[]>

/** Ranges of partition numbers, the same for all topics: partition p of every topic goes to the same member. */
export function rangeTogether(members: readonly string[], partitions: readonly TopicPartition[]): Assignment {
  const count = partitions.reduce((most, at) => Math.max(most, at.partition + 1), 0)
  const each = Math.floor(count / members.length)
  const larger = count % members.length
  const ownerOf = (partition: number): number => {
    const inLarger = larger * (each + 1)
    return partition < inLarger ? Math.floor(partition / (each + 1)) : larger + Math.floor((partition - inLarger) / each)
  }
  return new Map(members.map((member, index) => [member, partitions.filter(at => ownerOf(at.partition) === index)]))
}

/** What each member is given and told, by the function that its group was given. Throws ASSIGNMENT. */
export function sharesOf(
  { assignor, assign = rangeTogether }: GroupOptions,
  members: readonly GroupMember[],
  partitions: readonly TopicPartition[],
): ReadonlyMap<string, GroupShare> {
  const ids = members.map(member => member.id)
  const shares = assignor?.assign(members, partitions) ?? new Map([...assign(ids, partitions)].map(([id, of]) => [id, { partitions: of }]))
  checkAssignment(new Map([...shares].map(([id, share]) => [id, share.partitions])), ids, partitions)
  return shares
}

/** Throws ASSIGNMENT when a partition is given twice, to a stranger, or is not the group's. */
function checkAssignment(assignment: Assignment, members: readonly string[], partitions: readonly TopicPartition[]): void {
  const free = new Set(partitions.map(nameOf))
  for (const [member, given] of assignment) {
    if (!members.includes(member)) throw new BrokerError('ASSIGNMENT', `The assignment names "${member}", who is no member of the group.`)
    for (const at of given)
      if (!free.delete(nameOf(at)))
        throw new BrokerError('ASSIGNMENT', `The assignment gives ${nameOf(at)} twice, or it is not a partition of the group's topics.`)
  }
}
