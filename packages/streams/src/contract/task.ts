import type { Headers, StreamRecord } from './record.ts'
import type { Serde } from './serde.ts'
import type { Store, TableView } from './store.ts'

/** Hands a record on: synchronous, depth first; returning means finished, unless a stage holds it. `port` names the output of a node that has several. */
export type Emit<T = unknown> = (record: T, port?: string) => void

/** Where the record being processed came from. */
export interface Position {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** The record as it came from its topic: copies, safe to keep. */
export interface Origin extends Position {
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Headers
}

/** Why a record left the stream without being an error (Kafka Streams: `dropped-records`). */
export type DropReason =
  | 'null-key'
  | 'null-value'
  | 'late'
  | 'expired'
  | 'invalid-timestamp'
  | 'future-timestamp'
  | 'deserialization'
  | 'processing'
  | 'no-partition'
  | 'no-match'
  /** An answer to a foreign key that its row no longer waits for. */
  | 'outdated'

/** What a stage was given, and the partition of its first retry topic, from which it takes it again. */
export interface StageRecord {
  readonly topic: string
  readonly partition: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly headers: Headers
  /** The input record that led to it, and how many of that came to the stage before it. */
  readonly from: Position | null
  readonly nth: number
}

/** What a dead letter says beside the original bytes. */
export interface Failure {
  readonly code: string
  readonly reason: string
  readonly node: string
  readonly attempts: number
  /** Epoch milliseconds. */
  readonly firstFailure: number
  /** Only of stages with retry topics. */
  readonly stage?: StageRecord
}

/** How many changes a store holds back until the commit. */
export interface CacheSpec {
  /** Keys that wait at most: one more, and the changes of all of them leave at once. */
  readonly recordsMax: number
}

/** What the rows of a store are made of, for those who keep them elsewhere than in memory. */
export interface RowsFacts {
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** Of windows: many keys share few starts, or each key has many of its own. */
  readonly layout?: 'byStart' | 'byKey'
}

/** A store that a node declares; `create` makes an empty one per task. */
export interface StoreSpec<S extends Store = Store> {
  readonly name: string
  /** Its kind, which decides the changelog's configuration. */
  readonly kind: 'key-value' | 'window' | 'session' | 'versioned'
  /** Milliseconds: how long rows of window and session stores stay visible, how far back a versioned store knows. */
  readonly retention?: number
  /** False: it has no changelog, and is empty after a restart. */
  readonly logged?: boolean
  /** Rows of one key and time stand side by side: its changelog is never compacted. */
  readonly duplicates?: boolean
  /** It holds changes back until the commit: what the node hands on goes through it. */
  readonly cache?: CacheSpec
  /** Only of a store whose rows may be kept elsewhere than in memory. */
  readonly rows?: RowsFacts
  create(task: StoreTask): S
}

/** What a store may use of its task. */
export interface StoreTask {
  /** Logs one write: the text or bytes of the key and the value (null: delete). */
  log(key: string | Uint8Array, value: string | Uint8Array | null, timestamp: number, headers?: Headers): void
  drop(reason: DropReason): void
  /** Makes a store with the rows of this spec elsewhere than in memory, for `task`. Undefined: in memory. */
  supply?<S extends Store>(spec: StoreSpec<S>, task: StoreTask): S | undefined
}

/** Where the stores of an application's task have their place. */
export interface StorePlace {
  readonly application: string
  /** `<sub-topology>_<partition>`, or `global`. */
  readonly task: string
}

/** Makes stores elsewhere than in memory (Kafka Streams: `DslStoreSuppliers`). */
export interface StoreSuppliers {
  /**
   * An empty store with the rows of this spec: those of key-value, window and session stores that say what their rows are made of. It behaves as the one in memory does,
   * to the byte of its changelog, from which it is filled when a task opens. Undefined: it stays in memory. Called when a task opens; an error stops the application.
   */
  create(spec: StoreSpec, task: StoreTask, place: StorePlace): Store | undefined
}

/** Where a record goes: to one partition, to each of several (to none: it is dropped and counted), or, undefined, where records go by default. */
export type ChosenPartition = number | readonly number[] | undefined

/** A topic that a node writes to. */
export interface SinkSpec {
  /** A topic, or a function that chooses one per record. */
  readonly topic: string | ((record: StreamRecord<unknown, unknown>) => string)
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** Bytes that decide the partition instead of the whole key (windowed keys: the inner key). */
  readonly partitionKey?: (key: unknown) => Uint8Array | string
  /** Chooses the partition. Default: murmur2 of the key's bytes; a null key goes to partitions in turn. */
  readonly partition?: (record: StreamRecord<unknown, unknown>, partitions: number) => ChosenPartition
  /** What becomes of a record that cannot be written: a function or a serde throws, or it is too large. Default: it stops the task. */
  readonly onError?: 'fail' | 'skip' | { readonly deadLetter: string }
}

/** An asynchronous stage as its task sees it. */
export interface Held {
  /** Records inside: waiting, in flight, or finished and not handed on yet. */
  readonly size: number
  /** The task should not feed more now. */
  readonly full: boolean
  /** Starts what still waits for a batch to fill. */
  flush(): void
  /** Resolves when `size` has become smaller, or at once when it is 0. Never rejects. */
  progress(): Promise<void>
  /** Gives up all work: signals are aborted, late results are ignored and counted, nothing is handed on. */
  abort(): void
  /** Aborts what is left and releases what the stage had opened. */
  close(): Promise<void>
}

/** Called with the time at which the punctuation is due (stream time) or is made (wall clock), epoch milliseconds. */
export type Punctuator = (timestamp: number) => void

/** The hands of a node: made once per task and given to `open`. */
export interface Task {
  /** `<sub-topology>_<partition>`. */
  readonly id: string
  /** Of all topics that it reads. */
  readonly partition: number
  /** The store of this spec; the same object for the same name. */
  store<S extends Store>(spec: StoreSpec<S>): S
  /** The rows of the global table with this store, which the node names: all tasks of an instance share them. */
  global(store: StoreSpec): TableView<never, unknown>
  /** A writer to the topic of this spec, made once at `open`. */
  sender(spec: SinkSpec): Emit<StreamRecord<unknown, unknown>>
  /** Writes a dead letter for the record being processed. */
  deadLetter(topic: string, failure: Failure): void
  /** Counts a record that is dropped, with the position of the record being processed. */
  drop(reason: DropReason): void
  /** Tells the task of an asynchronous stage, at `open`. */
  hold(stage: Held): void
  /** Hands on a result of an asynchronous stage as if the record at `at` were being processed; an `Origin` can become a dead letter. A throw stops the task. */
  resume<T>(at: Position | Origin | null, out: Emit<T>, record: T): void
  /** Hands a record on as if the one at `of` were being processed. What it throws is the caller's. */
  onBehalf<T>(of: Position | null, out: Emit<T>, record: T): void
  /** Stops the task with this error. */
  fail(error: unknown): void
  /** Tells who runs it what has changed, in a sentence: not once a record. */
  tell?(message: string): void
  /** Calls back every `interval` milliseconds of the clock; returns the function that cancels. */
  schedule(interval: number, clock: 'stream' | 'wall', punctuator: Punctuator, anchor?: number): () => void
  /** The stream time of one operator: kept over restarts when the application keeps stream time. */
  streamTimeOf(label: string): { time: number }
  /** A time that is always kept in the commit's metadata, -1 at first (Kafka Streams: `ProcessorMetadata`). */
  committedTimeOf(name: string): { time: number }
  /** Greatest timestamp of the records that this task has taken; -1 before the first. */
  readonly streamTime: number
  /** Wall clock, epoch milliseconds. */
  now(): number
  /** Resolves after `duration` milliseconds or when aborted. */
  sleep(duration: number, signal: AbortSignal): Promise<void>
  /** Where the record being processed came from; null inside a punctuator. */
  position(): Position | null
  /** A copy of the record being processed, as it came. */
  origin(): Origin | null
}
