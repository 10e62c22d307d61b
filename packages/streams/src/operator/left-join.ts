import type { Observable, OperatorFunction } from 'rxjs'
import type { Change, StreamRecord } from '../contract/record.ts'
import { type StreamTableJoiner, type StreamTableOptions, streamTableJoin } from '../join/stream-table.ts'

/**
 * Joins each record with the row of its key in a table, or with null where there is none or the record has no key (Kafka Streams: `KStreamKTableJoin`, KIP-962). Only
 * records hand on results, with their own time; null values are dropped and counted. Stream and table have the same number of partitions. Of a table with a
 * `historyRetention` it is the row of the record's time; with a `grace` records wait that many milliseconds of event time for rows that come late, in a store
 * `<name>-Buffer` (KIP-923): then a record without a key stops the task with `RIACHO_NULL_KEY`, as it stops Kafka Streams.
 *
 * @example
 * orders.pipe(rekey('by-client', order => order.client), leftJoin(clients, (order, client) => ({ ...order, city: client?.city ?? 'unknown' })))
 */
export function leftJoin<K, V, T, R>(
  table: Observable<Change<NoInfer<K>, T>>,
  f: StreamTableJoiner<NoInfer<K>, NonNullable<NoInfer<V>>, T | null, R>,
  options: StreamTableOptions<NoInfer<K>, NonNullable<NoInfer<V>>> = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>> {
  return streamTableJoin('leftJoin', table, f as StreamTableJoiner<K, V, T | null, R>, options)
}
