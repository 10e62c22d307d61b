import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { ErrorOption } from '../plan/failure.ts'
import { keepWhere } from './filter.ts'

/**
 * Keeps the records for which `predicate` is false.
 *
 * @example
 * orders.pipe(filterNot(order => order.test))
 */
export function filterNot<K, V>(
  predicate: (value: V, record: StreamRecord<K, V>) => boolean,
  options: ErrorOption = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, V>> {
  return keepWhere('filterNot', predicate, false, options)
}
