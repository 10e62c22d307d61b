import type { Observable, OperatorFunction } from 'rxjs'
import type { Change } from '../contract/record.ts'
import { type TableJoiner, type TableJoinOptions, tableTableJoin } from '../join/table-table.ts'

/**
 * Joins two tables by their key: a row where both have one, null from `f` for none (Kafka Streams: `KTableKTableInnerJoin`). Changes of either side hand on the new
 * row, with the later of the two times; one that goes hands on a deletion. Both tables have the same number of partitions.
 *
 * @example
 * const counts = orders.pipe(rekey('by-client', order => order.client), count('orders-per-client'))
 * clients.pipe(joinTable(counts, (client, n) => ({ ...client, orders: n })), toStream())
 */
export function joinTable<K, L, R, O>(
  right: Observable<Change<NoInfer<K>, R>>,
  f: TableJoiner<K, L, R, O>,
  options: TableJoinOptions<NoInfer<O>> = {},
): OperatorFunction<Change<K, L>, Change<K, O>> {
  const join = f as TableJoiner<K, L | null, R | null, O>
  return tableTableJoin(right, { label: 'joinTable', needs: { left: true, right: true }, join, options })
}
