import type { Observable, OperatorFunction } from 'rxjs'
import type { Change } from '../contract/record.ts'
import { type TableJoiner, type TableJoinOptions, tableTableJoin } from '../join/table-table.ts'

/**
 * Joins two tables by their key: a row where either has one, with null for the other; null from `f` for none (Kafka Streams: `KTableKTableOuterJoin`). Changes of
 * either side hand on the new row, with the later of the two times; one that goes hands on a deletion. Both tables have the same number of partitions.
 *
 * @example
 * const counts = orders.pipe(rekey('by-client', order => order.client), count('orders-per-client'))
 * clients.pipe(outerJoinTable(counts, (client, n) => `${client?.name ?? 'unknown'}: ${n ?? 0}`), toStream())
 */
export function outerJoinTable<K, L, R, O>(
  right: Observable<Change<NoInfer<K>, R>>,
  f: TableJoiner<K, L | null, R | null, O>,
  options: TableJoinOptions<NoInfer<O>> = {},
): OperatorFunction<Change<K, L>, Change<K, O>> {
  return tableTableJoin(right, { label: 'outerJoinTable', needs: { left: false, right: false }, join: f, options })
}
