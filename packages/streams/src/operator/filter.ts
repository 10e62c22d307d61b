import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { operator, passing } from '../plan/operator.ts'
import { refusePromise } from '../plan/promise.ts'

/**
 * Keeps the records for which `predicate` is true.
 *
 * @example
 * orders.pipe(filter(order => order.cents > 0))
 */
export function filter<K, V, W extends V>(
  predicate: (value: V, record: StreamRecord<K, V>) => value is W,
  options?: ErrorOption,
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, W>>
export function filter<K, V>(
  predicate: (value: V, record: StreamRecord<K, V>) => boolean,
  options?: ErrorOption,
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, V>>
export function filter<K, V>(
  predicate: (value: V, record: StreamRecord<K, V>) => boolean,
  options: ErrorOption = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, V>> {
  return keepWhere('filter', predicate, true, options)
}

/** The step behind `filter` and `filterNot`: hands on what the predicate answers with `wanted`. */
export function keepWhere<K, V>(
  label: string,
  predicate: (value: V, record: StreamRecord<K, V>) => boolean,
  wanted: boolean,
  options: ErrorOption,
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, V>> {
  return operator(
    parent => ({ ...passing(label)(parent), effect: 'passes', ...deadLettersOf(options.onError) }),
    (task, out) => {
      const fail = failed(task, label, options.onError)
      return record => {
        let keep: boolean
        try {
          keep = predicate(record.value, record)
        } catch (thrown) {
          return fail(thrown)
        }
        if (keep === wanted) return out(record)
        if (typeof keep === 'boolean') return
        refusePromise(task, label, keep)
        // A predicate over JSON answers undefined where a field is missing: as in rxjs, that is no.
        if (Boolean(keep) === wanted) out(record)
      }
    },
  )
}
