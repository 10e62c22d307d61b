import type { StreamRecord } from './record.ts'
import type { Serde } from './serde.ts'
import type { Source } from './source.ts'
import type { Store, TableView } from './store.ts'
import type { Emit, Origin, SinkSpec, StoreSpec, StoreTask, Task } from './task.ts'

/** What happens to a record whose function throws: stop the task, count and go on, or write it to a dead letter topic and go on. */
export type OnError = 'fail' | 'skip' | { readonly deadLetter: string }

/** The few kinds of node: every operator is one of them. */
export type NodeKind =
  | 'source'
  | 'table'
  | 'sink'
  | 'rekey'
  | 'step'
  | 'merge'
  | 'aggregate'
  | 'join'
  | 'buffer'
  | 'async'
  | 'process'
  | 'rx'

/**
 * Where a topic is read of which the group has committed nothing, or of which what comes next is gone (Kafka Streams: `AutoOffsetReset`): from its beginning, from its
 * end, or not at all, which stops the application.
 */
export type OffsetReset = 'earliest' | 'latest' | 'none'

/** What a source node reads. */
export interface SourceFacts {
  /** Topics, or none when it reads a connector. */
  readonly topics: readonly string[]
  readonly connector?: Source<unknown, unknown>
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** Timestamp extractor. Without one the record's own; a negative result is handled by `invalidTimestamp`. */
  readonly timestamp?: (value: unknown, record: StreamRecord<unknown, unknown>, partitionTime: number) => number
  /** 'keep': taken as it is, as Kafka Streams' global tables do. */
  readonly invalidTimestamp: 'fail' | 'skip' | 'partitionTime' | 'keep'
  /** Most milliseconds by which a time may be ahead of the wall clock: beyond, it is invalid. */
  readonly maxFutureSkew?: number
  readonly onError: OnError
  /** Default: what the application says. */
  readonly offsetReset?: OffsetReset
  /** Whether records with a null value are handed on or dropped and counted. */
  readonly nulls: 'keep' | 'drop'
}

/** The copy that one instance of an application has of a global table. */
export interface GlobalCopy {
  readonly store: Store
  readonly view: TableView<never, unknown>
  /** `value` null deletes. */
  put(key: unknown, value: unknown, timestamp: number): void
}

/** A table that every instance of an application holds whole: no node of the plan's flow, but read beside it. */
export interface GlobalFacts {
  /** One topic, of which all partitions are read. */
  readonly source: SourceFacts
  readonly store: StoreSpec
  /** Makes the copy of an instance, which its tasks share. */
  open(task: StoreTask): GlobalCopy
}

/** The topic that moves data between sub-topologies. */
export interface RepartitionFacts {
  readonly name: string
  /** The topic is `<application>-<name>-<suffix>`. Default 'repartition'. */
  readonly suffix?: 'repartition' | 'topic'
  readonly partitions?: number
  readonly key: Serde<unknown> | undefined
  readonly value: Serde<unknown> | undefined
  /** Dropped from the plan when no keyed operator follows. */
  readonly optional: boolean
  /** An optimized plan may let it share the topic of another repartition of the same stream. */
  readonly mergeable?: boolean
  /** Null keys go through, whoever reads them. Default: only where a left or outer join follows. */
  readonly keepsNullKeys?: boolean
  /** Chooses the partition. Default: murmur2 of the key's bytes. */
  readonly partition?: SinkSpec['partition']
  readonly onError?: OnError
}

/** What a node wants of a table that it reads. */
export interface Wish {
  /** Index of the parent. */
  readonly of: number
  /** The row before each change: always, only if the table keeps its rows anyway (Kafka Streams: `enableSendingOldValues(force)`), or once somebody asks the node itself for them. */
  readonly previous?: 'always' | 'ifKept' | 'ifAsked'
  /** The table's rows by key (Kafka Streams: `valueGetterSupplier`). */
  readonly view?: true
}

/** The topics in which records wait that an asynchronous stage tries again later. */
export interface RetryFacts {
  /** The topics are `<application>-<name>-retry-1` and so on. */
  readonly name: string
  /** Milliseconds, of one retry each. Without any there is one topic, for what is replayed into the stage. */
  readonly delays: readonly number[]
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

/** The same as the stage of one task has them. */
export interface RetryWay extends RetryFacts {
  readonly topics: readonly string[]
  /** Called once, at `open`: `take` is given what comes back when it is due, with its headers as they stand in the topic. */
  returnTo(take: Emit<StreamRecord<unknown, unknown>>): void
}

/** What a plan says of an asynchronous stage. */
export interface AsyncFacts {
  readonly order: 'key' | 'partition' | undefined
  /** Said when the sink is not idempotent. */
  readonly idempotent: boolean
  /** Most milliseconds that its retries pause in all; what a commit cannot wait for never comes to its last try. */
  readonly retryMs: number
}

/** What the plan found out that `open` must know. */
export interface Asked {
  /** Somebody downstream needs `previous`. */
  readonly previous: boolean
  /** A lazy table keeps its rows: somebody downstream needs them. */
  readonly kept: boolean
  /** The rows of the table that is the parent of this index, for a node that wishes for them. */
  view(parent: number): TableView<never, unknown>
  /** The order in which an asynchronous stage hands on its results. */
  readonly order: 'key' | 'partition'
  /** Only of a stage with retry topics. */
  readonly retries?: RetryWay
  /** Some stage from here on writes dead letters: an asynchronous stage keeps what they need. */
  readonly origins: boolean
  /** A test that looks closer: guests are checked for memory. */
  readonly strict?: boolean
  /** Only after an operator that derives records: the record as this node would write it, to stand for the original. */
  readonly origin?: (record: StreamRecord<unknown, unknown>) => Origin
}

/** One node of a plan: facts, frozen, and behaviour in `open`. */
export interface Node {
  readonly kind: NodeKind
  /** The operator's name, or the name that the user gave it. */
  readonly label: string
  readonly parents: readonly Node[]
  /** Creation number: orders siblings; enters no name and no fingerprint. */
  readonly created: number
  /** The parent's output that it reads, when the parent has several. */
  readonly port?: string
  /** Serdes of what leaves it; undefined when the operator made a new type. */
  readonly key: Serde<unknown> | undefined
  readonly value: Serde<unknown> | undefined
  /** Equal keys are in the same task. */
  readonly partitioned: boolean
  /** Needs a stream that is partitioned by key. */
  readonly keyed?: boolean
  /** Its records are deltas of a regrouped table: what to add and what to subtract. */
  readonly deltas?: boolean
  /** A late record matters here: window, join, stream-time punctuation. */
  readonly timed?: boolean
  /**
   * What it does to a record, for who rewrites plans: 'passes' hands it on as it is or not at all, so that data may as well be moved before it; 'rekeys' gives it another
   * key. Undefined: something else.
   */
  readonly effect?: 'passes' | 'rekeys'
  /** Looks at keys and times only: where nobody else reads a value that needs no check, it is not decoded. */
  readonly ignoresValue?: boolean
  /** A left or outer join: takes records without a key. */
  readonly takesNullKeys?: boolean
  /**
   * How a table answers wishes: from a store that it always has, from one that it has if asked, or from what its parents answer. Undefined: not a table.
   */
  readonly table?: 'kept' | 'lazy' | 'derived'
  /** A table whose updates are ordered by time: it keeps a history, or all its parents do (KIP-914). */
  readonly versioned?: boolean
  /** What it wants of its parents. */
  readonly wishes?: readonly Wish[]
  readonly source?: SourceFacts
  readonly sink?: SinkSpec
  readonly repartition?: RepartitionFacts
  readonly stores?: readonly StoreSpec[]
  /** Of a join: what it is instead when both its inputs are one, in an optimized plan. */
  readonly alone?: Pick<Node, 'stores' | 'open'>
  /** Global tables whose rows it reads. */
  readonly globals?: readonly GlobalFacts[]
  /** The stores of a lazy table that is asked. */
  readonly storesWhenKept?: readonly StoreSpec[]
  /** A windowed aggregation: milliseconds after a window's end at which its result is final. */
  readonly closesAfter?: number
  readonly deadLetters?: readonly string[]
  readonly async?: AsyncFacts
  readonly retries?: RetryFacts
  /** What its user should know before running it: each a sentence that says what to do. */
  readonly cautions?: readonly string[]
  /** Makes its behaviour for one task: one input per parent. Called once per task, from sinks to sources. */
  open(task: Task, out: Emit, asked: Asked): readonly Emit[]
  /** The rows of a table: of its store, or computed from those of its parents. Called at most once per task, and only when somebody wishes for it. */
  view?(task: Task, parents: (index: number) => TableView<never, unknown>): TableView<never, unknown>
}
