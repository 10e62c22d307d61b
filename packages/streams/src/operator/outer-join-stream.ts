import type { Observable, OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { StreamJoiner, StreamJoinOptions, UnmatchedOption } from '../join/stream-plan.ts'
import { streamJoin } from '../join/stream-stream.ts'

/**
 * Joins two streams as `joinStream` does; a record of either side that met none of the other is handed on with null when its window and the grace have passed
 * in event time, which only later records show, or at once when it came too late for them. So is a record without a key (KIP-962); null values are dropped and
 * counted.
 *
 * @example
 * orders.pipe(outerJoinStream('seen', payments, (order, paid) => ({ order, paid }), { before: minutes(5), after: hours(1), grace: minutes(5) }))
 */
export function outerJoinStream<K, L, R, O>(
  name: string,
  right: Observable<StreamRecord<NoInfer<K>, R>>,
  f: StreamJoiner<K, NonNullable<L> | null, NonNullable<R> | null, O>,
  options: StreamJoinOptions<NonNullable<NoInfer<L>>, NonNullable<NoInfer<R>>> & UnmatchedOption,
): OperatorFunction<StreamRecord<K, L>, StreamRecord<K, O>> {
  return streamJoin('outer', name, right, f, options)
}
