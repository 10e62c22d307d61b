import type { Headers } from './record.ts'

/** What every store of a task shares. A store belongs to one task; all calls are synchronous. */
export interface Store {
  readonly name: string
  /** Takes one changelog record back: `value` null is a delete. Views are only valid during the call. */
  restore(key: Uint8Array, value: Uint8Array | null, timestamp: number, headers: Headers): void
  /** Writes and forwards that are held back until the commit. Undefined: it never holds any. */
  readonly pending?: number
  /** Logs and hands on what is held back. Called before each commit, in the order of the plan, until nothing is pending. */
  flush?(): void
  /** Forgets what an abort would need: the writes so far are part of a successful commit. */
  committed(): void
  /** Puts back the rows as they were at the last `committed()`. */
  rollback(): void
  /** Writes since the last `committed()` that an abort would have to put back: the engine bounds it by committing. */
  readonly uncommitted: number
  clear(): void
}

/** A row with its time: `timestamp` is epoch milliseconds. */
export interface Row<V> {
  readonly value: V
  readonly timestamp: number
}

/** The rows of a table by key, whether stored or computed (Kafka Streams: `KTableValueGetter`). */
export interface TableView<K, V> {
  get(key: K): Row<V> | undefined
  /** Only of a table that keeps a history: the row as it was at that time, epoch milliseconds. */
  asOf?(key: K, timestamp: number): Row<V> | undefined
}

/** Kafka Streams: `TimestampedKeyValueStore`. */
export interface KeyValueStore<K, V> extends Store {
  get(key: K): Row<V> | undefined
  /** `value` null deletes. Logs to the changelog with `timestamp`. */
  put(key: K, value: V | null, timestamp: number): void
  /** All rows, in unsigned byte order of the serialized key, as all reads of several rows. The store may be written while they are walked. */
  entries(): IterableIterator<readonly [K, Row<V>]>
  reverseEntries(): IterableIterator<readonly [K, Row<V>]>
  /** Rows with keys from `from` to `to`, both included; null is without bound. */
  range(from: K | null, to: K | null): IterableIterator<readonly [K, Row<V>]>
  /** The same rows, the last first. */
  reverseRange(from: K | null, to: K | null): IterableIterator<readonly [K, Row<V>]>
  /** Rows whose serialized keys begin with these bytes. */
  prefix(prefix: Uint8Array): IterableIterator<readonly [K, Row<V>]>
  readonly size: number
}

/** Kafka Streams: `TimestampedWindowStore`, in memory: a row whose start <= (greatest start put so far) - retention is invisible. */
export interface WindowStore<K, V> extends Store {
  get(key: K, start: number): Row<V> | undefined
  /** Returns false when the row is already expired: it is logged, but not kept. */
  put(key: K, start: number, value: V | null, timestamp: number): boolean
  /** All visible rows in the order of (start, serialized key). */
  entries(): IterableIterator<readonly [K, number, Row<V>]>
  readonly size: number
}
