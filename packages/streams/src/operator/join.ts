import type { Observable, OperatorFunction } from 'rxjs'
import type { Change, StreamRecord } from '../contract/record.ts'
import { type StreamTableJoiner, type StreamTableOptions, streamTableJoin } from '../join/stream-table.ts'

/**
 * Joins each record with the row of its key in a table; a record without one is left out (Kafka Streams: `KStreamKTableJoin`). Only records hand on results, with
 * their own time; null keys and null values are dropped and counted. Stream and table have the same number of partitions. Of a table with a `historyRetention` it is the
 * row of the record's time; with a `grace` records wait that many milliseconds of event time for rows that come late, in a store `<name>-Buffer` (KIP-923).
 *
 * @example
 * orders.pipe(rekey('by-client', order => order.client), join(clients, (order, client) => ({ ...order, city: client.city })))
 */
export function join<K, V, T, R>(
  table: Observable<Change<NoInfer<K>, T>>,
  f: StreamTableJoiner<NoInfer<K>, NonNullable<NoInfer<V>>, T, R>,
  options: StreamTableOptions<NoInfer<K>, NonNullable<NoInfer<V>>> = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>> {
  return streamTableJoin('join', table, f as StreamTableJoiner<K, V, T | null, R>, options)
}
