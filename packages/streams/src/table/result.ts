import type { Observable } from 'rxjs'
import type { OnError } from '../contract/node.ts'
import type { Serde } from '../contract/serde.ts'
import type { KeyValueStore, TableView } from '../contract/store.ts'
import type { StoreSpec, Task } from '../contract/task.ts'
import { type ErrorOption, failed } from '../plan/failure.ts'
import { keyOf, plainKey } from '../plan/keyed.ts'
import { said } from '../plan/mixed.ts'
import type { NodeSpec } from '../plan/node.ts'
import { json } from '../serde/json.ts'
import { type CacheOption, checkCached, withCache } from '../store/cache.ts'
import { keyValueStore } from '../store/key-value.ts'
import { isStream } from '../stream.ts'

/** Options of an operator that makes a table of tables. */
export interface ResultOptions extends ErrorOption, CacheOption {
  /** Keeps the rows in a store of this name, with a changelog. Without one they are computed from those that it reads, each time somebody asks for one. */
  readonly store?: string
}

/** Where the rows of a result are kept; undefined: nowhere, they are computed. */
export type ResultStore<K, R> = StoreSpec<KeyValueStore<K, R>> | undefined

/** The store of a result, if it has a name. Throws `RIACHO_NAME`, `RIACHO_NO_SERDE`, `RIACHO_NOT_PARTITIONED`. */
export function resultStore<K, R>(
  source: Observable<unknown>,
  label: string,
  { store: name, cache }: ResultOptions,
  value: Serde<R> | undefined,
): ResultStore<K, R> {
  checkCached(label, name, cache)
  if (name === undefined) return undefined
  const key = (isStream(source) ? keyOf(source.node, label) : plainKey) as Serde<K>
  return withCache(keyValueStore(name, { key, value: said(value, label, 'value') ?? json<R>() }), key as Serde<unknown>, cache)
}

/** How a result answers wishes: from its store, or by what `view` makes of its parents' rows. */
export function answering<K, R>(
  spec: ResultStore<K, R>,
  view: (task: Task, parents: (index: number) => TableView<K, unknown>) => TableView<K, R>,
): Pick<NodeSpec, 'table' | 'view' | 'stores'> {
  if (spec === undefined) return { table: 'derived', view: view as NonNullable<NodeSpec['view']> }
  return { table: 'kept', stores: Object.freeze([spec]), view: task => task.store(spec) as TableView<never, unknown> }
}

/**
 * Runs a function of the user that computes a row for a reader. Where it throws and the stage does not stop, there is no row: the change that made it so was counted
 * or written to a dead letter topic when it came.
 */
export function computing<A extends readonly unknown[], R>(
  task: Task,
  label: string,
  onError: OnError | undefined,
  f: (...args: A) => R | null,
): (...args: A) => R | null {
  const fail = onError === undefined || onError === 'fail' ? failed(task, label) : undefined
  return (...args) => {
    try {
      return f(...args)
    } catch (thrown) {
      fail?.(thrown)
      return null
    }
  }
}
