import type { Observable, OperatorFunction } from 'rxjs'
import type { Change } from '../contract/record.ts'
import { type TableJoiner, type TableJoinOptions, tableTableJoin } from '../join/table-table.ts'

/**
 * Joins two tables by their key: a row where the left one has one, with null where the right one has none; null from `f` for none (Kafka Streams:
 * `KTableKTableLeftJoin`). Changes of either side hand on the new row, with the later of the two times; one that goes hands on a deletion. Both tables have the same
 * number of partitions.
 *
 * @example
 * const counts = orders.pipe(rekey('by-client', order => order.client), count('orders-per-client'))
 * clients.pipe(leftJoinTable(counts, (client, n) => ({ ...client, orders: n ?? 0 })), toStream())
 */
export function leftJoinTable<K, L, R, O>(
  right: Observable<Change<NoInfer<K>, R>>,
  f: TableJoiner<K, L, R | null, O>,
  options: TableJoinOptions<NoInfer<O>> = {},
): OperatorFunction<Change<K, L>, Change<K, O>> {
  const join = f as TableJoiner<K, L | null, R | null, O>
  return tableTableJoin(right, { label: 'leftJoinTable', needs: { left: true, right: false }, join, options })
}
