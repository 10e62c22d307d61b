import type { Broker, BrokerError, GroupOptions, Membership, TopicPartition } from '@riacho/streams/engine'

/** What a group does with the tasks of its member. */
export interface SeatWork {
  assign(partitions: readonly TopicPartition[]): Promise<void>
  revoke(partitions: readonly TopicPartition[]): Promise<void>
  lose(partitions: readonly TopicPartition[]): Promise<void>
}

/** How a seat reaches its engine: `between` runs work between two steps of the loop. */
export interface SeatHome {
  readonly broker: Broker
  readonly group: GroupOptions
  readonly work: SeatWork
  between(work: () => Promise<void>): Promise<void>
  /** Told after the fact. */
  lost(reason: BrokerError): void
}

/** The engine's place in its group: one membership, and another one after it when the first does not count any more. */
export class Seat {
  readonly #home: SeatHome
  #member: Membership | undefined
  /** What an earlier membership says is not heard. */
  #turn = 0

  constructor(home: SeatHome) {
    this.#home = home
  }

  get member(): Membership {
    return this.#member!
  }

  /** The engine goes on. */
  alive(): void {
    this.#member?.alive?.()
  }

  /** Joins; resolves after the first assignment. */
  async join(): Promise<void> {
    const first = Promise.withResolvers<void>()
    first.promise.catch(() => {})
    await this.#enter(first)
    await first.promise
  }

  /** Joins as a new member, whose assignment comes between two steps as any other. Whoever calls has given up all tasks. */
  async again(): Promise<void> {
    this.#turn++
    await this.leave().catch(() => {})
    await this.#enter()
  }

  async leave(): Promise<void> {
    await this.#member?.leave()
  }

  async #enter(first?: PromiseWithResolvers<void>): Promise<void> {
    const { broker, group, work, between, lost } = this.#home
    const turn = ++this.#turn
    const heard = (what: () => Promise<void>): Promise<void> =>
      between(async () => {
        if (turn === this.#turn) await what()
      })
    this.#member = await broker.join(group, {
      assigned: async partitions => {
        try {
          await heard(() => work.assign(partitions))
        } catch (error) {
          first?.reject(error)
          throw error
        }
        first?.resolve()
      },
      revoked: partitions => heard(() => work.revoke(partitions)),
      lost: (partitions, reason) => {
        if (turn !== this.#turn) return
        const losing = heard(async () => {
          await work.lose(partitions)
          // Nobody joins again.
          if (reason.fatal) throw reason
        })
        // It rejects only when the application has failed, of this or of something else.
        losing.catch(() => {})
        first?.reject(reason)
        lost(reason)
      },
    })
  }
}
