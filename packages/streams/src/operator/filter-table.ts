import type { OperatorFunction } from 'rxjs'
import type { Change } from '../contract/record.ts'
import { failed } from '../plan/failure.ts'
import { operator, passing } from '../plan/operator.ts'

/**
 * Keeps the rows for which `predicate` is true; a row that is not kept becomes a deletion (Kafka Streams: `KTableFilter`). When old values are known, a change from
 * nothing to nothing is not handed on.
 *
 * @example
 * clients.pipe(filterTable(client => client.active), toStream())
 */
export function filterTable<K, V>(predicate: (value: V, key: K) => boolean): OperatorFunction<Change<K, V>, Change<K, V>> {
  return operator(
    parent => ({ ...passing('filterTable')(parent), table: 'derived', wishes: [{ of: 0, previous: 'ifKept' }] }),
    (task, out, asked) => {
      const fail = failed(task, 'filterTable')
      return change => {
        let value: V | null
        let previous: V | null | undefined
        try {
          value = change.value !== null && predicate(change.value, change.key) ? change.value : null
          previous = change.previous != null && predicate(change.previous, change.key) ? change.previous : null
        } catch (thrown) {
          return fail(thrown)
        }
        if (change.previous !== undefined && value === null && previous === null) return
        out({ ...change, value, previous: asked.previous ? previous : undefined })
      }
    },
  )
}
