import type { StreamRecord } from '../contract/record.ts'
import { type Places, SinkError } from '../contract/sink.ts'
import type { Origin, Position } from '../contract/task.ts'
import type { Ended } from './breaker.ts'
import type { LaneEntry } from './lanes.ts'
import { pauseAfter, type Retry } from './retry.ts'

/** A record inside a stage. */
export interface Entry<A, B> extends LaneEntry {
  readonly record: A
  /** With the original record when a dead letter may need it. */
  readonly at: Position | Origin | null
  /** The input record that led to this one, which a derived record's `at` does not say. */
  readonly from: Position | null
  /** How many records of that input record came before this one. */
  readonly nth: number
  state: 'open' | 'done' | 'gone'
  result: B | undefined
}

/** Where an entry was, without its record. */
export function placeOf({ at }: Entry<unknown, unknown>): Partial<Position> {
  return at === null ? {} : { topic: at.topic, partition: at.partition, offset: at.offset }
}

/** Whether two records come from one input record. */
export function isSame(a: Position, b: Position | null): boolean {
  return b !== null && a.offset === b.offset && a.partition === b.partition && a.topic === b.topic
}

/** Records that are tried together, and how often they were. */
export class Flight<A extends StreamRecord<unknown, unknown>, B> implements Places {
  /** Those that are tried next. */
  entries: readonly Entry<A, B>[]
  /** Records that wait until this flight is over. */
  readonly rest: readonly Entry<A, B>[]
  /** One record spoils the batch and nobody knows which: each is to be tried alone. */
  apart = false
  /** Tries that count and have failed. */
  attempts = 0
  firstFailure = -1
  /** Milliseconds that tries and the pauses between them took. */
  #spent = 0
  /** What has not gone on, in order: what is tried, and what is done but behind it. Shared by those that are tried each alone. */
  readonly #line: { left: readonly Entry<A, B>[] }

  constructor(entries: readonly Entry<A, B>[], rest: readonly Entry<A, B>[] = [], line = { left: entries }) {
    this.entries = entries
    this.rest = rest
    this.#line = line
  }

  /** One of its entries by itself, after which the rest is. */
  alone(entry: Entry<A, B>, rest: readonly Entry<A, B>[]): Flight<A, B> {
    return new Flight([entry], rest, this.#line)
  }

  /** A try failed. Returns the pause before the next, or undefined when there is none left. `guarded`: a breaker says when to look again. */
  failed(error: unknown, retry: Retry | undefined, took: number, now: number, guarded: boolean): number | undefined {
    if (this.firstFailure < 0) this.firstFailure = now
    const refused = error instanceof SinkError ? error : undefined
    this.apart = refused?.kind === 'poison' && refused.indexes === undefined && this.entries.length > 1
    // A system that is away uses up nobody's tries.
    if (guarded && refused?.away) return pauseAfter({ ...retry, retriesMax: 1 }, 1, 0)
    this.attempts++
    this.#spent += took
    const wait = pauseAfter(retry, this.attempts, this.#spent)
    this.#spent += wait ?? 0
    return wait
  }

  /** Takes out what is done, but for what has a record of its key before it that is still tried. Call it when a try has ended. */
  finished(): readonly Entry<A, B>[] {
    const { left } = this.#line
    // Nothing of it has failed.
    if (left === this.entries) return left
    const tried = new Set([...this.entries, ...this.rest])
    const blocked = new Set<unknown>()
    const finished: Entry<A, B>[] = []
    this.#line.left = left.filter(entry => {
      const isTried = entry.state === 'open' && tried.has(entry)
      if (isTried && entry.lane !== null) blocked.add(entry.lane)
      const stays = isTried || (entry.state === 'done' && blocked.has(entry.lane))
      if (!stays && entry.state === 'done') finished.push(entry)
      return stays
    })
    return finished
  }

  position(index: number): Position | null {
    return this.entries[index]!.from
  }

  nth(index: number): number {
    return this.entries[index]!.nth
  }
}

/** The error of one record of a batch; undefined: it was written. */
export function ownError(error: unknown, index: number, others: boolean): unknown {
  if (!(error instanceof SinkError) || error.indexes === undefined || !others) return error
  return error.failures === undefined ? (error.indexes.includes(index) ? error : undefined) : error.failures.get(index)
}

/** Whether another try can help. */
export const isHelpful = (error: unknown): boolean => !(error instanceof SinkError) || error.kind === 'transient'

/** Whether a record was not tried: it waits for one of its key. */
export const isUntried = (error: unknown): boolean => error instanceof SinkError && error.untried

/** What the end of a try says of the system: one that refuses a record, or takes others, works. */
export function endedBy(error: unknown, length: number): Ended {
  if (!(error instanceof SinkError)) return 'failed'
  if (error.kind !== 'transient') return 'worked'
  return error.away ? 'away' : (error.indexes ?? []).length < length && error.indexes !== undefined ? 'worked' : 'failed'
}
