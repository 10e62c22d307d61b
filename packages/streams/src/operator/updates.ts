import type { OperatorFunction } from 'rxjs'
import type { Change, StreamRecord } from '../contract/record.ts'
import { operator, passing } from '../plan/operator.ts'

/**
 * The changes of a table as a stream, deletions left out.
 *
 * @example
 * clients.pipe(updates(), to('clients-changed'))
 */
export function updates<K, V>(): OperatorFunction<Change<K, V>, StreamRecord<K, V>> {
  return operator(passing('updates'), (_task, out) => ({ key, value, timestamp, headers }) => {
    if (value !== null) out({ key, value, timestamp, headers })
  })
}
