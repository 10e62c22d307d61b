import type { Headers } from './record.ts'
import type { Serde } from './serde.ts'

/**
 * An external system to read from. The engine gives each partition to one task at a time and calls the reader from that task only, never twice at once.
 */
export interface Source<K, V> {
  /** Names the positions topic and dead letters: `[A-Za-z0-9._-]+`. */
  readonly name: string
  /** 'replayable': our commit holds the position. 'acknowledged': the system forgets after our commit; never exactly once. */
  readonly positions: 'replayable' | 'acknowledged'
  /** Equal keys always come from the same partition. */
  readonly keyed: boolean
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Stable names of the partitions, asked once at start; their order numbers them. Rejecting stops the application with that error. */
  partitions(): Promise<readonly string[]>
  /** Opens a partition after `from`, the position of the last record that a commit covers, or at its beginning when null. */
  open(partition: string, from: Uint8Array | null): SourceReader
}

/** Reads one partition of an external system for one task, never twice at once. */
export interface SourceReader {
  /** At most `recordsMax` records, at once if there are any; otherwise waits until there are, or until `signal` is aborted (then []). A rejection is retried with backoff. */
  read(recordsMax: number, signal: AbortSignal): Promise<readonly SourceRecord[]>
  /** Called after a commit that covers `upTo`, the last position of this partition. An acknowledged source acknowledges here. */
  commit(upTo: Uint8Array): Promise<void>
  /** What is left to read after the last `read`, in records if the system can tell, else in bytes. 0 means that there was nothing more just now. */
  lag(): Promise<number>
  close(): Promise<void>
}

/** Bytes as the system holds them; the engine decodes them, so that bad ones become dead letters with their original bytes. */
export interface SourceRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly headers: Headers
  /** A number for people, by which they find the record: a line number, a delivery tag. */
  readonly offset: number
  /** Opaque to the engine; given back to `open` and `commit`. */
  readonly position: Uint8Array
}
