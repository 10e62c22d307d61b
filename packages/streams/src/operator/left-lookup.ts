import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import { type AsOf, globalJoin, type LookupJoiner, type OfRecord } from '../join/lookup.ts'
import type { ErrorOption } from '../plan/failure.ts'
import type { GlobalHistory, GlobalTable } from './global-table.ts'

/**
 * Joins each record with the row of a global table that has the key which `key` answers, or with null where there is none or the answer is null (Kafka Streams:
 * `KStream.leftJoin(GlobalKTable)`). The record keeps its own key, time and headers; a null value is dropped and counted. `asOf` asks for the row as it was at a time,
 * and needs a table with `historyRetention`. Exists in plans only.
 *
 * @example
 * const prices = globalTable('prices', { key: text, value: json<{ cents: number }>(), historyRetention: days(90) })
 * orders.pipe(leftLookup(prices, order => order.client, (order, price) => ({ ...order, price: price?.cents ?? 0 }), { asOf: (_, { timestamp }) => timestamp }))
 */
export function leftLookup<K, V, K2, W, R>(
  table: GlobalHistory<K2, W>,
  key: OfRecord<K, V, NoInfer<K2> | null>,
  f: LookupJoiner<K, V, W | null, R>,
  options?: ErrorOption & AsOf<K, V>,
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>>
export function leftLookup<K, V, K2, W, R>(
  table: GlobalTable<K2, W>,
  key: OfRecord<K, V, NoInfer<K2> | null>,
  f: LookupJoiner<K, V, W | null, R>,
  options?: ErrorOption,
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>>
export function leftLookup<K, V, K2, W, R>(
  table: GlobalTable<K2, W>,
  key: OfRecord<K, V, K2 | null>,
  f: LookupJoiner<K, V, W | null, R>,
  options: ErrorOption & AsOf<K, V> = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>> {
  return globalJoin({ label: 'leftLookup', table, key, join: f, options })
}
