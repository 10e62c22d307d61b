import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { operator, revaluing } from '../plan/operator.ts'
import { atOnce } from '../plan/promise.ts'

/**
 * Makes any number of values of each value; key, time and headers stay.
 *
 * @example
 * lines.pipe(flatMapValues(line => line.split(' ')))
 */
export function flatMapValues<K, V, R>(
  f: (value: V, record: StreamRecord<K, V>) => Iterable<R>,
  options: ErrorOption = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>> {
  return operator(
    parent => ({ ...revaluing('flatMapValues')(parent), ...deadLettersOf(options.onError) }),
    (task, out, { strict }) => {
      const fail = failed(task, 'flatMapValues', options.onError)
      const run = atOnce(f, task, 'flatMapValues', strict)
      return record => {
        let values: readonly R[]
        try {
          const made = run(record.value, record)
          values = Array.isArray(made) ? made : [...made]
        } catch (thrown) {
          return fail(thrown)
        }
        for (const value of values) out({ key: record.key, value, timestamp: record.timestamp, headers: record.headers })
      }
    },
  )
}
