import { BrokerError, type TopicPartition } from '@riacho/streams/engine'
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

/** Throws ASSIGNMENT when a partition is given twice, to a stranger, or is not the group's. */
export function checkAssignment(assignment: Assignment, members: readonly string[], partitions: readonly TopicPartition[]): void {
  const free = new Set(partitions.map(nameOf))
  for (const [member, given] of assignment) {
    if (!members.includes(member)) throw new BrokerError('ASSIGNMENT', `The assignment names "${member}", who is no member of the group.`)
    for (const at of given)
      if (!free.delete(nameOf(at)))
        throw new BrokerError('ASSIGNMENT', `The assignment gives ${nameOf(at)} twice, or it is not a partition of the group's topics.`)
  }
}
