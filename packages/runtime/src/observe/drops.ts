import type { DropReason, Position } from '@riacho/streams/engine'
import type { AppEvent } from '../options.ts'
import type { Counters } from './counters.ts'

/** Milliseconds in which a task tells of one drop of each reason. */
const quietMs = 60_000

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
    this.#log({ level: 'warn', message: `a record was dropped: ${reason}`, reason, task: this.#by.id, ...this.#by.position() })
  }

  /** Called now and then: when the minute is over, the next drop is told of again. */
  look(now: number): void {
    if (now < this.#until) return
    this.#told.clear()
    this.#until = now + quietMs
  }
}
