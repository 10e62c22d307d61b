import type { Broker, BrokerError, GroupOptions, Membership, TopicPartition } from '@riacho/streams/engine'

/** Called with the member itself; awaited before the partitions move. */
export type OnRevoked = (member: Membership, partitions: readonly TopicPartition[]) => Promise<void>

/** A member of a group that writes down what happens to it. */
export interface LoggedMember {
  readonly self: Membership
  readonly log: string[]
  /** Why it lost its partitions, each time. */
  readonly reasons: BrokerError[]
  /** Resolves with its partitions when it has that many. */
  until(count: number): Promise<readonly number[]>
}

/** Joins a member that reads one topic. */
export async function joined(
  broker: Broker,
  group: string,
  topic: string,
  onRevoked: OnRevoked = async () => {},
  more: Partial<GroupOptions> = {},
): Promise<LoggedMember> {
  const log: string[] = []
  const reasons: BrokerError[] = []
  const owned = new Set<number>()
  let changed = () => {}
  const numbers = (partitions: readonly TopicPartition[]) => partitions.map(each => each.partition)
  const giveUp = (partitions: readonly TopicPartition[]) => {
    for (const partition of numbers(partitions)) owned.delete(partition)
    changed()
  }
  const self: Membership = await broker.join(
    { group, topics: [topic], ...more },
    {
      assigned: async partitions => {
        log.push(`assigned ${numbers(partitions)}`)
        for (const partition of numbers(partitions)) owned.add(partition)
        changed()
      },
      revoked: async partitions => {
        log.push(`revoked ${numbers(partitions)}`)
        await onRevoked(self, partitions)
        giveUp(partitions)
      },
      lost: (partitions, reason) => {
        reasons.push(reason)
        log.push(`lost ${numbers(partitions)}`)
        giveUp(partitions)
      },
    },
  )
  const until = (count: number) =>
    new Promise<readonly number[]>(resolve => {
      changed = () => {
        if (owned.size === count) resolve([...owned].sort())
      }
      changed()
    })
  return { self, log, reasons, until }
}
