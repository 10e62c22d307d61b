import type { OperatorFunction } from 'rxjs'
import type { Change, Delta, StreamRecord, Windowed } from '../contract/record.ts'
import { aggregation } from '../plan/aggregate.ts'
import { int64 } from '../serde/numbers.ts'
import type { CacheOption } from '../store/cache.ts'
import type { EmitOptions } from '../window/kind.ts'
import type { Windows } from '../window/windows.ts'

/**
 * Counts the records of each key, or of each key and window, and hands on every new count (rxjs' `count` hands on one at the end). Null keys are dropped; null
 * values count only in windows, as in Kafka Streams. `name` names the store and its changelog.
 *
 * @example
 * orders.pipe(count('orders-per-minute', { window: tumbling(minutes(1), { grace: minutes(5) }) }), toStream())
 */
export function count<K, V>(
  name: string,
  options: EmitOptions & CacheOption & { readonly window: Windows },
): OperatorFunction<StreamRecord<K, V>, Change<Windowed<K>, number>>
export function count<K, V>(name: string, options?: CacheOption): OperatorFunction<StreamRecord<K, V> | Delta<K, V>, Change<K, number>>
export function count<K, V>(name: string, options: EmitOptions & CacheOption & { readonly window?: Windows } = {}): unknown {
  return aggregation<K, V, number>({
    name,
    value: int64,
    window: options.window,
    ignoresValue: true,
    stream: { label: name, init: () => 0, add: (_value, sum) => (sum ?? 0) + 1, merge: (a, b) => (a ?? 0) + (b ?? 0), options },
    table: { label: name, init: () => 0, add: (_value, sum) => (sum ?? 0) + 1, subtract: (_value, sum) => sum - 1 },
  })
}
