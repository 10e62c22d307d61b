import type { StreamRecord } from './record.ts'
import type { Position } from './task.ts'

/** Where the records of a batch came from, by their place in it. A replay gives the same answers, as long as the pipeline before the sink is deterministic. */
export interface Places {
  /** The input record that led to this one; null when none did (a punctuator, a stream that no topic feeds). */
  position(index: number): Position | null
  /** How many records of this input record came to the sink before this one. */
  nth(index: number): number
}

/** An external system to write to. Used by `persist`, which batches, retries, limits and dead-letters. */
export interface Sink<K, V> {
  readonly name: string
  /** Writing a batch again, whole or in part, leaves the system as writing it once does. */
  readonly idempotent: boolean
  /** Called once per task before the first write; checks or creates what the sink needs. A rejection stops the task. */
  open?(): Promise<void>
  /**
   * Resolves when all records are durable. Called again with the same batch after a failure. Records of one key keep their order within a batch, and
   * the next batch with that key is written after this one. After `signal` is aborted the outcome is ignored, and it settles soon and
   * writes nothing later: the next try, or the task that takes this one's place, waits a second for it and no longer. A {@link SinkError} says whether trying again can help.
   * `places` says where each record came from, for sinks that let older writes lose.
   */
  write(batch: readonly StreamRecord<K, V | null>[], signal: AbortSignal, places?: Places): Promise<void>
  close?(): Promise<void>
}

/** Whether trying again can help: yes; not for any record of the batch; not for this record. */
export type FailureKind = 'transient' | 'permanent' | 'poison'

/**
 * Why a write failed. `transient`: try again. `permanent`: no try can help, for no record of the batch. `poison`: a record cannot be written; the others can. With
 * `indexes`, the places of the records in the batch of which that is true, all others of it have been written. With `failures` each of those has an error of its own. A sink whose
 * system keeps no order by itself names, with a record, all later ones of its key, and has written none of them: their errors are `untried`.
 */
export class SinkError extends Error {
  override readonly name = 'SinkError'
  readonly kind: FailureKind
  readonly indexes?: readonly number[]
  readonly failures?: ReadonlyMap<number, SinkError>
  /** The system does not answer at all. No record is to blame, so this uses up none of its tries where there is a breaker. */
  readonly away: boolean
  /** Nobody has tried to write the record: it waits for one of its key before it. It uses up none of its tries, and is written when that one is, or is given up. */
  readonly untried: boolean
  constructor(
    kind: FailureKind,
    message: string,
    options?: {
      cause?: unknown
      indexes?: readonly number[]
      failures?: ReadonlyMap<number, SinkError>
      away?: boolean
      untried?: boolean
    },
  ) {
    super(message, options)
    this.kind = kind
    this.away = options?.away ?? false
    this.untried = options?.untried ?? false
    if (options?.indexes !== undefined) this.indexes = options.indexes
    if (options?.failures !== undefined) {
      this.failures = options.failures
      this.indexes = [...options.failures.keys()]
    }
  }
}
