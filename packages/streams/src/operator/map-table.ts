import type { OperatorFunction } from 'rxjs'
import type { Change } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { failed } from '../plan/failure.ts'
import { operator, revaluing } from '../plan/operator.ts'

/**
 * Makes a new value of each row; a deletion stays one and is not shown to `f` (Kafka Streams: `KTableMapValues`).
 *
 * @example
 * clients.pipe(mapTable(client => client.name), toStream())
 */
export function mapTable<K, V, R>(
  f: (value: V, key: K) => R,
  options: { readonly value?: Serde<R> } = {},
): OperatorFunction<Change<K, V>, Change<K, R>> {
  return operator(
    parent => ({ ...revaluing('mapTable')(parent), value: options.value as Serde<unknown> | undefined, table: 'derived' }),
    (task, out, asked) => {
      const fail = failed(task, 'mapTable')
      return change => {
        let value: R | null
        let previous: R | null | undefined
        try {
          value = change.value === null ? null : f(change.value, change.key)
          previous = !asked.previous ? undefined : change.previous == null ? null : f(change.previous, change.key)
        } catch (thrown) {
          return fail(thrown)
        }
        out({ ...change, value, previous })
      }
    },
  )
}
