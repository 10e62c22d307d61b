import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import { type AsOf, globalJoin, type LookupJoiner, type LookupOptions, type OfRecord } from '../join/lookup.ts'
import type { GlobalHistory, GlobalTable } from './global-table.ts'

/**
 * Joins each record with the row of a global table that has the key which `key` answers (Kafka Streams: `KStream.join(GlobalKTable)`). The record keeps its own key,
 * time and headers. Updates of the table start nothing: a record meets what the copy of its instance holds just then. A null value, a null answer and a missing row drop
 * the record, counted; `onMissing` says otherwise for the last. `asOf` asks for the row as it was at a time, and needs a table with `historyRetention`. Exists in plans
 * only.
 *
 * @example
 * const prices = globalTable('prices', { key: text, value: json<{ cents: number }>() })
 * orders.pipe(lookup(prices, order => order.client, (order, price) => ({ ...order, price: price.cents })))
 */
export function lookup<K, V, K2, W, R>(
  table: GlobalHistory<K2, W>,
  key: OfRecord<K, V, NoInfer<K2> | null>,
  f: LookupJoiner<K, V, W, R>,
  options?: LookupOptions & AsOf<K, V>,
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>>
export function lookup<K, V, K2, W, R>(
  table: GlobalTable<K2, W>,
  key: OfRecord<K, V, NoInfer<K2> | null>,
  f: LookupJoiner<K, V, W, R>,
  options?: LookupOptions,
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>>
export function lookup<K, V, K2, W, R>(
  table: GlobalTable<K2, W>,
  key: OfRecord<K, V, K2 | null>,
  f: LookupJoiner<K, V, W, R>,
  options: LookupOptions & AsOf<K, V> = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>> {
  return globalJoin({ label: 'lookup', table, key, join: f as LookupJoiner<K, V, W | null, R>, options })
}
