import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { operator, revaluing } from '../plan/operator.ts'
import { atOnce } from '../plan/promise.ts'

/**
 * Makes a new value of each value; key, time and headers stay.
 *
 * @example
 * orders.pipe(mapValues(order => order.cents / 100))
 */
export function mapValues<K, V, R>(
  f: (value: V, record: StreamRecord<K, V>) => R,
  options: ErrorOption = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>> {
  return operator(
    parent => ({ ...revaluing('mapValues')(parent), ...deadLettersOf(options.onError) }),
    (task, out, { strict }) => {
      const fail = failed(task, 'mapValues', options.onError)
      const run = atOnce(f, task, 'mapValues', strict)
      return record => {
        let value: R
        try {
          value = run(record.value, record)
        } catch (thrown) {
          return fail(thrown)
        }
        out({ key: record.key, value, timestamp: record.timestamp, headers: record.headers })
      }
    },
  )
}
