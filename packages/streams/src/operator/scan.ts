import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { KeyValueStore } from '../contract/store.ts'
import { type ErrorOption, failed } from '../plan/failure.ts'
import { keyedVerb } from '../plan/keyed.ts'
import { json } from '../serde/json.ts'
import { keyValueStore } from '../store/key-value.ts'

/** The serde of what is accumulated: JSON unless said. */
export interface ScanOptions<R> extends ErrorOption {
  readonly value?: Serde<NonNullable<R>>
}

/**
 * Accumulates the values of each key and hands on every intermediate result, as rxjs' `scan` does for one stream: a stream where `aggregate` makes a table. Null keys and
 * values are dropped and counted; a null result is handed on and forgotten, so that the next value begins with the seed. `name` names the store and its changelog.
 *
 * @example
 * orders.pipe(rekey('by-client', order => order.client), scan('cents-so-far', (sum, order) => sum + order.cents, 0, { value: int64 }))
 */
export function scan<K, V, R>(
  name: string,
  f: (sum: NonNullable<R>, value: NonNullable<V>, record: StreamRecord<K, V>) => R,
  seed: NoInfer<NonNullable<R>>,
  options: ScanOptions<R> = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>> {
  const value = options.value ?? json<NonNullable<R>>()
  return keyedVerb<K, V, R, KeyValueStore<never, NonNullable<R>>>({
    name,
    options,
    timed: false,
    store: key => keyValueStore(name, { key, value }),
    value: () => value as Serde<unknown>,
    open: (task, out, store) => {
      const fail = failed(task, name, options.onError)
      return record => {
        if (record.value === null || record.value === undefined) return task.drop('null-value')
        let sum: R
        try {
          sum = f(store.get(record.key)?.value ?? seed, record.value, record)
        } catch (thrown) {
          return fail(thrown)
        }
        store.put(record.key, sum ?? null, record.timestamp)
        out({ key: record.key, value: sum, timestamp: record.timestamp, headers: record.headers })
      }
    },
  })
}
