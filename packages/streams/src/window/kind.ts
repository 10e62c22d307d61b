import type { Asked } from '../contract/node.ts'
import type { Change, StreamRecord, Windowed } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { Store, TableView } from '../contract/store.ts'
import type { Emit, StoreSpec, Task } from '../contract/task.ts'
import type { ErrorOption } from '../plan/failure.ts'
import type { CacheOption } from '../store/cache.ts'
import type { StoreOptions } from '../store/key-value.ts'
import type { Windows } from './windows.ts'

/** When a windowed aggregation hands on its results. */
export interface EmitOptions {
  /**
   * Every update, or each window's last result once the window has closed (KIP-825). Default 'onUpdate'. Records make time go on: nothing closes while none come. A window
   * that the store has already forgotten is never handed on, as in Kafka Streams with stores in memory. With the default `retention` that is nearly every one: give windows
   * a longer one, by the size and the greatest leap of time between two records.
   */
  readonly emit?: 'onUpdate' | 'onClose'
  /** With 'onClose': least milliseconds of the wall clock between two looks for closed windows. Default 1000, as Kafka Streams does. */
  readonly emitEvery?: number
}

/** How an aggregation goes on: `sum` is null before the first value; returning null deletes the row. */
export interface Folding<K, V, R> {
  readonly label: string
  init(): R | null
  add(value: V, sum: R | null, record: StreamRecord<K, V>): R | null
  /** Joins two sessions that a record connects; the first is the earlier one. Sessions need it. */
  merge?(earlier: R | null, later: R | null, key: K): R | null
  readonly options: ErrorOption & EmitOptions & CacheOption
}

/** What is special to one kind of windows: its store, its key on topics, and how records are folded. */
export interface WindowKind<W extends Windows> {
  store<K, R>(name: string, serdes: StoreOptions<K, R>, windows: W): StoreSpec
  key<K>(inner: Serde<K>, windows: W): Serde<Windowed<K>>
  /** Makes the input for one task. Called once per input of a cogroup, with the same store. */
  open<K, V, R>(
    task: Task,
    out: Emit<Change<Windowed<K>, R>>,
    asked: Asked,
    spec: StoreSpec,
    windows: W,
    fold: Folding<K, V, R>,
  ): Emit<StreamRecord<K, V>>
  view(store: Store): TableView<Windowed<never>, unknown>
}
