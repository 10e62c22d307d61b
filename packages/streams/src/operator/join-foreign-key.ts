import type { Observable, OperatorFunction } from 'rxjs'
import type { Change } from '../contract/record.ts'
import { type ForeignKeyOptions, joinByForeignKey } from '../join/foreign-key.ts'

/**
 * Joins each row of a table with the row of another table whose key `foreignKey` takes from it (Kafka Streams: `KTable.join` with a foreign key extractor). Both sides
 * make results; a row whose foreign key is null or has no row has none, and one that had one is deleted. The tables need not have the same number of partitions: the
 * data moves through `<application>-<name>-subscription-registration-topic` and `…-subscription-response-topic`. A result has the greater time of both rows. Exists in
 * plans only.
 *
 * Like Kafka Streams it leaves out deletions that look needless. When both tables change at once, one of them may have been needed: then a result stays that should be
 * gone. `deletions: 'always'` answers every change of the left table, as `leftJoinForeignKey` does, and is right in the end whatever happens at once.
 *
 * Throws `RIACHO_NAME`, `RIACHO_NO_SERDE`, `RIACHO_NOT_A_PLAN`, `RIACHO_MIXED`, `RIACHO_PLAN_ONLY`, `RIACHO_OPTION` when drawn.
 *
 * @example
 * clients.pipe(
 *   joinForeignKey('client-country', cities, client => client.city, (client, city) => ({ ...client, country: city.country })),
 *   toStream(),
 *   to('clients-with-country'),
 * )
 */
export function joinForeignKey<K, V, FK, T, R>(
  name: string,
  right: Observable<Change<FK, T>>,
  foreignKey: (value: V, key: K) => NoInfer<FK> | null | undefined,
  f: (value: V, row: T, key: K) => R | null,
  options: ForeignKeyOptions<NoInfer<FK>, NoInfer<R>> & { readonly deletions?: 'always' } = {},
): OperatorFunction<Change<K, V>, Change<K, R>> {
  return joinByForeignKey<K, V, FK, T, R>(right, {
    label: 'joinForeignKey',
    name,
    foreignKey,
    f: f as (value: V, row: T | null, key: K) => R | null,
    options,
    deletions: options.deletions,
  })
}
