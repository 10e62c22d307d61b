import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import { RiachoError } from '../errors.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { operator, passing } from '../plan/operator.ts'

/**
 * Gives each record the time that `f` reads in it, epoch milliseconds. A time that is not a whole number, 0 or more, is `RIACHO_TIMESTAMP` under `onError`.
 *
 * @example
 * events.pipe(withTimestamp(event => Date.parse(event.created_at)))
 */
export function withTimestamp<K, V>(
  f: (value: V, record: StreamRecord<K, V>) => number,
  options: ErrorOption = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, V>> {
  return operator(
    parent => ({ ...passing('withTimestamp')(parent), ...deadLettersOf(options.onError) }),
    (task, out) => {
      const fail = failed(task, 'withTimestamp', options.onError, 'RIACHO_TIMESTAMP')
      return record => {
        let timestamp: number
        try {
          timestamp = f(record.value, record)
          if (!Number.isSafeInteger(timestamp) || timestamp < 0)
            throw new RiachoError('RIACHO_TIMESTAMP', `${timestamp} is no time in epoch milliseconds`)
        } catch (thrown) {
          return fail(thrown)
        }
        out({ key: record.key, value: record.value, timestamp, headers: record.headers })
      }
    },
  )
}
