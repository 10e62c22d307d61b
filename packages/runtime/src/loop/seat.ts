import type { Broker, BrokerError, GroupOptions, Membership, TopicPartition } from '@riacho/streams/engine'

/** What a group does with the tasks of its member. */
export interface SeatWork {
  /** Notes partitions whose tasks are to be opened. */
  expect(partitions: readonly TopicPartition[]): void
  /** Opens the tasks that are expected; calls {@link Seat.heard} meanwhile. */
  open(): Promise<void>
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

/** Something that the group says. */
interface Saying {
  readonly take: () => void | Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Times that a member may lose its place before its first tasks are open. */
const lossesMax = 5

/** The engine's place in its group: one membership, and another one after it when the first does not count any more. */
export class Seat {
  readonly #home: SeatHome
  #member: Membership | undefined
  /** What an earlier membership says is not heard. */
  #turn = 0
  readonly #said: Saying[] = []
  /** What is said is taken, or will be between two steps of the loop. */
  #listening = false
  /** The member has an assignment, whose tasks are open or will be. */
  #assigned = false
  #losses = 0
  /** Resolves when the tasks of the first assignment are open. */
  readonly #first = Promise.withResolvers<void>()

  constructor(home: SeatHome) {
    this.#home = home
    this.#first.promise.catch(() => {})
  }

  get member(): Membership {
    return this.#member!
  }

  /** The engine goes on. */
  alive(): void {
    this.#member?.alive?.()
  }

  /** Joins; resolves when the tasks of the first assignment are open. */
  async join(): Promise<void> {
    await this.#enter()
    await this.#first.promise
  }

  /** Joins as a new member, whose assignment comes between two steps as any other. Whoever calls has given up all tasks. */
  async again(): Promise<void> {
    this.#turn++
    this.#assigned = false
    await this.leave().catch(() => {})
    await this.#enter()
  }

  async leave(): Promise<void> {
    await this.#member?.leave()
  }

  /** Has {@link Seat.join} resolve, whatever is open. */
  release(): void {
    this.#first.resolve()
  }

  /** Takes what the group has said since, in order. Nothing else may run at the same time. */
  async heard(): Promise<void> {
    for (let next = this.#said.shift(); next !== undefined; next = this.#said.shift()) {
      try {
        await next.take()
        next.resolve()
      } catch (error) {
        next.reject(error)
        throw error
      }
    }
  }

  async #enter(): Promise<void> {
    const { broker, group, work, lost } = this.#home
    const turn = ++this.#turn
    const say = (take: Saying['take']): Promise<void> => this.#say(() => (turn === this.#turn ? take() : undefined))
    this.#member = await broker.join(group, {
      // Not awaited: else nothing that the group says would be heard before a long restore is over.
      assigned: async partitions => {
        say(() => {
          this.#assigned = true
          work.expect(partitions)
        }).catch(() => {})
      },
      revoked: partitions => say(() => work.revoke(partitions)),
      lost: (partitions, reason) => {
        if (turn !== this.#turn) return
        const losing = say(async () => {
          this.#assigned = false
          await work.lose(partitions)
          // Nobody joins again.
          if (reason.fatal) throw reason
        })
        // It rejects only when the application has failed, of this or of something else.
        losing.catch(() => {})
        if (reason.fatal || ++this.#losses > lossesMax) this.#first.reject(reason)
        lost(reason)
      },
    })
  }

  #say(take: Saying['take']): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#said.push({ take, resolve, reject })
    if (!this.#listening) void this.#listen()
    return promise
  }

  /** Has what is said taken between two steps of the loop. If there is no further one, it is done with that, or fails as the loop did. */
  async #listen(): Promise<void> {
    this.#listening = true
    let taken = false
    try {
      await this.#home.between(async () => {
        await this.#takeAll()
        taken = true
      })
      // Somebody else may listen by now.
      if (taken) return
      for (const { resolve } of this.#said.splice(0)) resolve()
    } catch (error) {
      this.#first.reject(error)
      for (const { reject } of this.#said.splice(0)) reject(error)
    }
    this.#listening = false
  }

  async #takeAll(): Promise<void> {
    do {
      await this.heard()
      await this.#home.work.open()
    } while (this.#said.length > 0)
    if (this.#assigned) this.#first.resolve()
    // From here on who says something asks for another turn.
    this.#listening = false
  }
}
