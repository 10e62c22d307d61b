import type { OperatorFunction } from 'rxjs'
import type { Change, Delta, StreamRecord, Windowed } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { aggregation } from '../plan/aggregate.ts'
import type { ErrorOption } from '../plan/failure.ts'
import { json } from '../serde/json.ts'
import type { CacheOption } from '../store/cache.ts'
import type { EmitOptions } from '../window/kind.ts'
import type { Windows } from '../window/windows.ts'

/** Options of a reduction: the serde of its values, JSON unless said. */
export interface ReduceOptions<V> extends ErrorOption, CacheOption {
  readonly value?: Serde<V>
}

/**
 * Combines the values of each key, or of each key and window: the first is kept as it is, later ones are combined with what there is; null deletes. Of a regrouped
 * table (`regroup`) it needs `subtract`, which takes a value out again.
 *
 * @example
 * orders.pipe(reduce('largest-order', (a, b) => (b.cents > a.cents ? b : a)), updates())
 */
export function reduce<K, V>(
  name: string,
  combine: (sum: V, value: V) => V | null,
  options: ReduceOptions<V> & EmitOptions & { readonly window: Windows },
): OperatorFunction<StreamRecord<K, V>, Change<Windowed<K>, V>>
export function reduce<K, V>(
  name: string,
  combine: (sum: V, value: V) => V | null,
  options: ReduceOptions<V> & { readonly subtract: (sum: V, value: V) => V | null },
): OperatorFunction<Delta<K, V>, Change<K, V>>
export function reduce<K, V>(
  name: string,
  combine: (sum: V, value: V) => V | null,
  options?: ReduceOptions<V>,
): OperatorFunction<StreamRecord<K, V>, Change<K, V>>
export function reduce<K, V>(
  name: string,
  combine: (sum: V, value: V) => V | null,
  options: ReduceOptions<V> & EmitOptions & { readonly window?: Windows; readonly subtract?: (sum: V, value: V) => V | null } = {},
): unknown {
  const { subtract } = options
  const add = (value: V, sum: V | null): V | null => (sum === null ? value : combine(sum, value))
  return aggregation<K, V, V>({
    name,
    value: options.value ?? json<V>(),
    window: options.window,
    stream: { label: name, init: () => null, add, merge: (a, b) => (a === null || b === null ? (a ?? b) : combine(a, b)), options },
    table: subtract && { label: name, init: () => null, add, subtract: (value, sum) => subtract(sum, value), onError: options.onError },
  })
}
