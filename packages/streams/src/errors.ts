/** Every code of this package, with what it means. The message of an error says what to do. */
export const codes = {
  RIACHO_NOT_A_PLAN: 'an operator returned something that is not a Stream',
  RIACHO_PLAN_SUBSCRIBED: 'a plan was subscribed to',
  RIACHO_MIXED: 'Streams and plain Observables were mixed',
  RIACHO_RX_OPERATOR: 'a bare rxjs operator was drawn on a Stream',
  RIACHO_RX_KEY: 'an rxjs operator changed a key',
  RIACHO_RX_ASYNC: 'an rxjs operator emitted later',
  RIACHO_RX_COMPLETE: 'an rxjs operator completed the stream',
  RIACHO_RX_MEMORY: 'an rxjs operator keeps memory',
  RIACHO_NOT_PARTITIONED: 'a keyed operator on a stream that is not partitioned by its key',
  RIACHO_NOT_COPARTITIONED: 'inputs that meet have different partition counts',
  RIACHO_NO_SERDE: 'a boundary without a serde',
  RIACHO_KEY_SERDE: 'a serde for keys under which equal keys may have different bytes',
  RIACHO_NAME: 'a name that Kafka does not allow, or that is used twice',
  RIACHO_OPTION: 'an option outside its limits',
  RIACHO_PLAN_ONLY: 'an operator that exists in plans only',
  RIACHO_NULL_KEY: 'a record without a key where one is needed',
  RIACHO_NO_ROUTE: 'a record for which triage has no route',
  RIACHO_NO_MATCH: 'a record whose key has no row in a global table',
  RIACHO_INVALID: 'a record that its schema refuses',
  RIACHO_DECODE: 'bytes that their serde refuses',
  RIACHO_ENCODE: 'a value that its serde refuses',
  RIACHO_TIMESTAMP: 'a record without a valid timestamp',
  RIACHO_PROCESSING: 'a function of the user threw',
  RIACHO_PROMISE: 'a function that answers at once answered with a promise',
  RIACHO_FIXED_KEY: 'a processor of values forwarded another key',
  RIACHO_ASYNC: 'asynchronous work failed after its last try',
  RIACHO_ASYNC_LIMIT: 'asynchronous work took longer than it may',
  RIACHO_DEAD_LETTER: 'a dead letter that nobody takes',
  RIACHO_BUFFER_FULL: 'a buffer that should wait for time would hold more than it may',
  RIACHO_BATCH_CORRUPT: 'a record batch that is damaged',
} as const

/** A code of this package, or of a package built on it. */
export type ErrorCode = keyof typeof codes | `RIACHO_${string}`

/** Where an error happened, as far as it applies. */
export interface ErrorPlace {
  readonly node?: string | undefined
  readonly topic?: string | undefined
  readonly partition?: number | undefined
  readonly offset?: number | undefined
  readonly key?: unknown
}

/** The one error class of Riacho: a `code`, a message that says what to do, the `cause`, and where it applies node, topic, partition, offset and key. */
export class RiachoError extends Error {
  override readonly name = 'RiachoError'
  readonly code: ErrorCode
  readonly place: ErrorPlace
  constructor(code: ErrorCode, message: string, options: { cause?: unknown; place?: ErrorPlace } = {}) {
    super(`${code}: ${message}`, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.place = options.place ?? {}
  }
}

/** The text of anything thrown. */
export const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))
