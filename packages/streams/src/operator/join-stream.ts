import type { Observable, OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { StreamJoiner, StreamJoinOptions } from '../join/stream-plan.ts'
import { streamJoin } from '../join/stream-stream.ts'

/**
 * Joins two streams by key and time: a left record at t meets each right record in [t - before, t + after] milliseconds, whichever comes first, and each pair
 * is handed on with the later of their times (Kafka Streams: `KStreamKStreamJoin`). Null keys and null values are dropped and counted. Both streams have the
 * same number of partitions. `singleStore` joins a stream with itself over one store (Kafka Streams: `KStreamKStreamSelfJoin`).
 *
 * @example
 * orders.pipe(joinStream('paid', payments, (order, paid) => ({ ...order, paid: paid.cents }), { before: minutes(1), after: hours(1), grace: minutes(5) }))
 */
export function joinStream<K, L, R, O>(
  name: string,
  right: Observable<StreamRecord<NoInfer<K>, R>>,
  f: StreamJoiner<K, NonNullable<L>, NonNullable<R>, O>,
  options: StreamJoinOptions<NonNullable<NoInfer<L>>, NonNullable<NoInfer<R>>> & { readonly singleStore?: boolean },
): OperatorFunction<StreamRecord<K, L>, StreamRecord<K, O>> {
  return streamJoin('inner', name, right, f, options)
}
