import type { StreamRecord } from './record.ts'

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
   */
  write(batch: readonly StreamRecord<K, V | null>[], signal: AbortSignal): Promise<void>
  close?(): Promise<void>
}

/**
 * Why a write failed. `transient`: try again. `permanent`: no try can help, for no record of the batch. `poison`: a record cannot be written; the others can. With
 * `indexes`, the places of the poison records in the batch, all others of it have been written.
 */
export class SinkError extends Error {
  override readonly name = 'SinkError'
  readonly kind: 'transient' | 'permanent' | 'poison'
  readonly indexes?: readonly number[]
  constructor(kind: 'transient' | 'permanent' | 'poison', message: string, options?: { cause?: unknown; indexes?: readonly number[] }) {
    super(message, options)
    this.kind = kind
    if (options?.indexes !== undefined) this.indexes = options.indexes
  }
}
