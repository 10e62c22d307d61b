import type { Observable, OperatorFunction } from 'rxjs'
import type { Change } from '../contract/record.ts'
import { type ForeignKeyOptions, joinByForeignKey } from '../join/foreign-key.ts'

/**
 * Joins each row of a table with the row of another table whose key `foreignKey` takes from it, or with null where the foreign key is null or has no row (Kafka
 * Streams: `KTable.leftJoin` with a foreign key extractor). Else as `joinForeignKey`.
 *
 * Throws `RIACHO_NAME`, `RIACHO_NO_SERDE`, `RIACHO_NOT_A_PLAN`, `RIACHO_MIXED`, `RIACHO_PLAN_ONLY` when drawn.
 *
 * @example
 * clients.pipe(
 *   leftJoinForeignKey('client-country', cities, client => client.city, (_client, city) => city?.country ?? 'unknown', { store: 'countries', value: text }),
 *   toStream(),
 *   to('countries-of-clients'),
 * )
 */
export function leftJoinForeignKey<K, V, FK, T, R>(
  name: string,
  right: Observable<Change<FK, T>>,
  foreignKey: (value: V, key: K) => NoInfer<FK> | null | undefined,
  f: (value: V, row: T | null, key: K) => R | null,
  options: ForeignKeyOptions<NoInfer<FK>, NoInfer<R>> = {},
): OperatorFunction<Change<K, V>, Change<K, R>> {
  return joinByForeignKey<K, V, FK, T, R>(right, { label: 'leftJoinForeignKey', name, foreignKey, f, options })
}
