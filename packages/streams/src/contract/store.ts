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
  /** Releases what it holds outside of memory; nothing is called afterwards. Undefined: it holds nothing there. */
  close?(): void
}

/** A row with its time: `timestamp` is epoch milliseconds. */
export interface Row<V> {
  readonly value: V
  readonly timestamp: number
  /** Only of a store that keeps headers (KIP-1271). */
  readonly headers?: Headers
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
  /** `value` null deletes. Logs to the changelog with `timestamp`, and with `headers` if the store keeps them. */
  put(key: K, value: V | null, timestamp: number, headers?: Headers): void
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

/**
 * Kafka Streams: `TimestampedWindowStore`, in memory: a row whose start <= (greatest start put so far) - retention is invisible to every read. Bounds are starts of
 * windows, epoch milliseconds, both inclusive. The store may be written while it is read: each step looks anew.
 */
export interface WindowStore<K, V> extends Store {
  get(key: K, start: number): Row<V> | undefined
  /** Returns false when the row is already expired: it is logged, but not kept. */
  put(key: K, start: number, value: V | null, timestamp: number): boolean
  /** The windows of one key, the earliest first. */
  fetch(key: K, from: number, to: number): IterableIterator<readonly [number, Row<V>]>
  /** The windows of one key, the latest first. */
  backwardFetch(key: K, from: number, to: number): IterableIterator<readonly [number, Row<V>]>
  /** The windows of all keys, in the order of (start, serialized key). */
  fetchAll(from: number, to: number): IterableIterator<readonly [K, number, Row<V>]>
  /** The same rows, the last first. */
  backwardFetchAll(from: number, to: number): IterableIterator<readonly [K, number, Row<V>]>
  /** All visible rows in the order of (start, serialized key). */
  entries(): IterableIterator<readonly [K, number, Row<V>]>
  /** Rows that are kept, visible or not. */
  readonly size: number
}

/** A session of a key; both ends belong to it, epoch milliseconds. */
export interface SessionRow<V> {
  readonly start: number
  readonly end: number
  readonly value: V
}

/** Kafka Streams: `SessionStore`, in memory: a session whose end <= (greatest end put so far) - retention is invisible. A session has no time but its end. */
export interface SessionStore<K, V> extends Store {
  /** The value of this very session. */
  fetchSession(key: K, start: number, end: number): V | undefined
  /** Sessions of a key that end at `earliestEnd` or later and start at `latestStart` or earlier, by end: what a new session between the two touches. */
  findSessions(key: K, earliestEnd: number, latestStart: number): readonly SessionRow<V>[]
  /** All sessions of a key, by end. */
  fetch(key: K): readonly SessionRow<V>[]
  /** Sessions of all keys that end in this range, both included, in the order of (end, serialized key). The store may be written while they are walked. */
  findEnded(earliestEnd: number, latestEnd: number): IterableIterator<readonly [K, SessionRow<V>]>
  /** `value` null deletes. Logs to the changelog with `timestamp`. Returns false when the session is already expired: it is logged, but not kept. */
  put(key: K, start: number, end: number, value: V | null, timestamp: number): boolean
  /** Deletes a session, and logs that with `timestamp`, whether it was there or not. */
  remove(key: K, start: number, end: number, timestamp: number): void
  /** All visible sessions in the order of (end, serialized key). */
  entries(): IterableIterator<readonly [K, SessionRow<V>]>
  readonly size: number
}

/** What became of a put into a versioned store: the latest row, one that is over, or nothing, because it is older than the history. */
export type VersionedPut = 'latest' | 'older' | 'expired'

/**
 * Kafka Streams: `VersionedKeyValueStore` (KIP-889). A version is valid from its timestamp until that of the next one of its key, in whatever order they are put. What
 * ended before (greatest timestamp put so far) - (history retention) is forgotten; a latest row never is.
 */
export interface VersionedStore<K, V> extends Store {
  /** The latest row; undefined when it is a deletion. */
  get(key: K): Row<V> | undefined
  /** The row as it was at that time; undefined beyond the history, unless the latest row is that old. */
  asOf(key: K, timestamp: number): Row<V> | undefined
  /** `value` null deletes from that time on. Logged with `timestamp`, also what is too old and not put, but counted as dropped. */
  put(key: K, value: V | null, timestamp: number): VersionedPut
  /** Puts null and returns the row as it was at that time. */
  delete(key: K, timestamp: number): Row<V> | undefined
  /** The latest rows, in unsigned byte order of the serialized key. */
  entries(): IterableIterator<readonly [K, Row<V>]>
  /** Latest rows. */
  readonly size: number
}
