/**
 * Turns values into bytes and back. Null never reaches a serde: null bytes are a null value.
 *
 * `encode` and `decode` are called once per record on the engine's thread and may throw; the stage's error policy decides what then happens.
 * `decode` may not keep its argument: the bytes belong to a frame that is used again. `encode` may not return bytes that it changes later.
 */
export interface Serde<T> {
  encode(value: T): Uint8Array
  decode(bytes: Uint8Array): T
  /** Accepts every byte string, so decoding may wait until the value is used. */
  readonly total?: boolean
  /** Two serdes with the same id read and write the same bytes: such bytes are passed on without decoding. */
  readonly passId?: string
  /** Optional fast path: the text whose UTF-8 bytes `encode` would return; it is written straight into a batch. */
  text?(value: T): string
  /** Optional fast path: like `encode`, but the bytes are valid only until the next call of any method of this serde. For callers that copy at once. */
  transient?(value: T): Uint8Array
  /** Optional fast path: decodes `frame[start, end)` without making a view. */
  decodeAt?(frame: Buffer, start: number, end: number): T
  /** Values are strings or safe integers, and equal values have equal bytes: state is keyed by the value itself instead of its bytes. */
  readonly canonical?: true
  /** Why this serde is not for keys: equal values may have different bytes, so they would be in different partitions and rows. */
  readonly notForKeys?: string
  /** Fetches what `encode` needs, such as the number of a schema, before the first record. Whoever starts an application calls it; calling it again costs nothing. */
  prepare?(): Promise<void>
}

/**
 * Thrown by `decode` of a serde that lacks something now which it is fetching: the record is not bad. Whoever decodes keeps the record, takes nothing after it from its
 * partition, and decodes it again after `until`, which always resolves.
 */
export class NotReady extends Error {
  override readonly name = 'NotReady'
  readonly until: Promise<void>
  constructor(message: string, until: Promise<void>) {
    super(message)
    this.until = until
  }
}

/** The serdes of a topic. */
export interface Serdes<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
}
