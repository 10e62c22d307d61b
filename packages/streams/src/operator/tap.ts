import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { operator, passing } from '../plan/operator.ts'
import { refusePromise } from '../plan/promise.ts'

/**
 * Looks at each record and hands it on (Kafka Streams: `peek`). At least once: a record may be seen again after a failure.
 *
 * @example
 * orders.pipe(tap(order => console.log(order)))
 */
export function tap<K, V>(
  look: (value: V, record: StreamRecord<K, V>) => void,
  options: ErrorOption = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, V>> {
  return operator(
    parent => ({ ...passing('tap')(parent), effect: 'passes', ...deadLettersOf(options.onError) }),
    (task, out) => {
      const fail = failed(task, 'tap', options.onError)
      return record => {
        let answer: unknown
        try {
          answer = look(record.value, record)
        } catch (thrown) {
          return fail(thrown)
        }
        if (answer !== undefined) refusePromise(task, 'tap', answer)
        out(record)
      }
    },
  )
}
