import type { OperatorFunction } from 'rxjs'
import type { Change } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { changedTable } from '../table/changed.ts'
import type { ResultOptions } from '../table/result.ts'

/**
 * Keeps the rows for which `predicate` is true; a row that is not kept becomes a deletion (Kafka Streams: `KTableFilter`). When old values are known, a change from
 * nothing to nothing is not handed on. `value` is the serde of the values in the `store`, where the table does not say it.
 *
 * @example
 * clients.pipe(filterTable(client => client.active), toStream())
 */
export function filterTable<K, V>(
  predicate: (value: V, key: K) => boolean,
  options: ResultOptions & { readonly value?: Serde<NoInfer<V>> } = {},
): OperatorFunction<Change<K, V>, Change<K, V>> {
  return changedTable<K, V, V>({
    label: 'filterTable',
    change: (value, key) => (predicate(value, key) ? value : null),
    value: came => options.value ?? (came as Serde<V> | undefined),
    quiet: true,
    options,
  })
}
