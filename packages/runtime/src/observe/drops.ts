import type { DropReason, Position } from '@riacho/streams/engine'
import type { AppEvent } from '../options.ts'
import type { Counters } from './counters.ts'

/** Milliseconds in which a task tells of one drop of each reason. */
const quietMs = 60_000

/** Drops that a plan's own rules ask for. The others mean that something is wrong with the data. */
const asked: ReadonlySet<DropReason> = new Set(['late', 'expired', 'outdated', 'no-match', 'null-value'])

/** What drops records, and knows which. */
export interface Dropping {
  readonly id: string
  position(): Position | null
}

/** Counts the records that one task drops, and tells of the first of each reason in a minute: why, and which record it was. */
export class Drops {
  readonly #by: Dropping
  readonly #counters: Counters
  readonly #log: (event: AppEvent) => void
  /** Reasons that have been told in this minute. */
  readonly #told = new Set<DropReason>()
  #until: number

  constructor(by: Dropping, counters: Counters, log: (event: AppEvent) => void, now: number) {
    this.#by = by
    this.#counters = counters
    this.#log = log
    this.#until = now + quietMs
  }

  drop(reason: DropReason): void {
    this.#counters.drop(reason)
    if (this.#told.has(reason)) return
    this.#told.add(reason)
    const level = asked.has(reason) ? 'info' : 'warn'
    this.#log({ level, message: `a record was dropped: ${reason}`, reason, task: this.#by.id, ...this.#by.position() })
  }

  /** Called now and then: when the minute is over, the next drop is told of again. */
  look(now: number): void {
    if (now < this.#until) return
    this.#told.clear()
    this.#until = now + quietMs
  }
}
