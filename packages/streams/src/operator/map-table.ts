import type { OperatorFunction } from 'rxjs'
import type { Change } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { changedTable } from '../table/changed.ts'
import type { ResultOptions } from '../table/result.ts'

/**
 * Makes a new value of each row, null for none; a deletion stays one and is not shown to `f` (Kafka Streams: `KTableMapValues`). `value` is the serde of the new
 * values; a `store` writes JSON where nobody said one.
 *
 * @example
 * clients.pipe(mapTable(client => client.name), toStream())
 */
export function mapTable<K, V, R>(
  f: (value: V, key: K) => R | null,
  options: ResultOptions & { readonly value?: Serde<NoInfer<R>> } = {},
): OperatorFunction<Change<K, V>, Change<K, R>> {
  return changedTable<K, V, R>({ label: 'mapTable', change: f, value: () => options.value, quiet: false, options })
}
