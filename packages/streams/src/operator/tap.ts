import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { operator, passing } from '../plan/operator.ts'
import { atOnce } from '../plan/promise.ts'

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
    (task, out, { strict }) => {
      const fail = failed(task, 'tap', options.onError)
      const run = atOnce(look, task, 'tap', strict)
      return record => {
        try {
          run(record.value, record)
        } catch (thrown) {
          return fail(thrown)
        }
        out(record)
      }
    },
  )
}
