import type { OperatorFunction } from 'rxjs'
import type { Change, StreamRecord } from '../contract/record.ts'
import { operator, passing } from '../plan/operator.ts'

/**
 * The changes of a table as a stream: the new value of each, null for a deletion.
 *
 * @example
 * orders.pipe(count('orders-per-client'), toStream(), to('counts', { value: int64 }))
 */
export function toStream<K, V>(): OperatorFunction<Change<K, V>, StreamRecord<K, V | null>> {
  return operator(
    passing('toStream'),
    (_task, out) =>
      ({ key, value, timestamp, headers }) =>
        out({ key, value, timestamp, headers }),
  )
}
