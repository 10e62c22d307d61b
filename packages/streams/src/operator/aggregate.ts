import type { OperatorFunction } from 'rxjs'
import type { Change, Delta, StreamRecord, Windowed } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { aggregation } from '../plan/aggregate.ts'
import type { ErrorOption } from '../plan/failure.ts'
import { json } from '../serde/json.ts'
import type { CacheOption } from '../store/cache.ts'
import type { EmitOptions } from '../window/kind.ts'
import type { TableFolding } from '../window/table-aggregation.ts'
import type { AlignedWindows, SessionWindows, SlidingWindows, Windows } from '../window/windows.ts'

/** Options of an aggregation: the serde of its result, JSON unless said. */
export interface AggregateOptions<R> extends ErrorOption, CacheOption {
  readonly value?: Serde<R>
}

/**
 * Folds the values of each key, or of each key and window, into a result: `init` makes the first one, `add` the next; null deletes, and the next value begins with
 * `init` again. Sessions need `merge`, which makes one result of two. Of a regrouped table (`regroup`) it needs `subtract`, which takes a value out again.
 *
 * @example
 * orders.pipe(aggregate('cents-per-client', () => 0, (order, sum) => sum + order.cents, { value: int64 }), toStream())
 */
export function aggregate<K, V, R>(
  name: string,
  init: () => R | null,
  add: (value: V, sum: R, record: StreamRecord<K, V>) => R | null,
  options: AggregateOptions<R> & EmitOptions & { readonly window: AlignedWindows | SlidingWindows },
): OperatorFunction<StreamRecord<K, V>, Change<Windowed<K>, R>>
export function aggregate<K, V, R>(
  name: string,
  init: () => R | null,
  add: (value: V, sum: R, record: StreamRecord<K, V>) => R | null,
  options: AggregateOptions<R> &
    EmitOptions & { readonly window: SessionWindows; readonly merge: (earlier: R, later: R, key: K) => R | null },
): OperatorFunction<StreamRecord<K, V>, Change<Windowed<K>, R>>
export function aggregate<K, V, R>(
  name: string,
  init: () => R | null,
  add: (value: V, sum: R, key: K) => R | null,
  options: AggregateOptions<R> & { readonly subtract: (value: V, sum: R, key: K) => R | null },
): OperatorFunction<Delta<K, V>, Change<K, R>>
export function aggregate<K, V, R>(
  name: string,
  init: () => R | null,
  add: (value: NonNullable<V>, sum: R, record: StreamRecord<K, V>) => R | null,
  options?: AggregateOptions<R>,
): OperatorFunction<StreamRecord<K, V>, Change<K, R>>
export function aggregate<K, V, R>(
  name: string,
  init: () => R | null,
  add: (value: never, sum: R, record: never) => R | null,
  options: AggregateOptions<R> &
    EmitOptions & {
      readonly window?: Windows
      readonly merge?: (earlier: R, later: R, key: K) => R | null
      readonly subtract?: (value: V, sum: R, key: K) => R | null
    } = {},
): unknown {
  const { merge, subtract } = options
  const fold = add as (value: V, sum: R | null, record: StreamRecord<K, V>) => R | null
  return aggregation<K, V, R>({
    name,
    value: options.value ?? json<R>(),
    window: options.window,
    stream: {
      label: name,
      init,
      add: fold,
      ...(merge && { merge: merge as (earlier: R | null, later: R | null, key: K) => R | null }),
      options,
    },
    table: subtract && { label: name, init, add: add as TableFolding<K, V, R>['add'], subtract, onError: options.onError },
  })
}
