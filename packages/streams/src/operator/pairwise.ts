import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { KeyValueStore } from '../contract/store.ts'
import { keyedVerb } from '../plan/keyed.ts'
import { keyValueStore } from '../store/key-value.ts'

/**
 * Hands on each value of a key with the one before it, from the second on, in the order in which they come (rxjs' `pairwise`, by key). Null keys and values are dropped
 * and counted. `name` names the store and its changelog.
 *
 * @example
 * orders.pipe(rekey('by-client', order => order.client), pairwise('two-orders'), mapValues(([before, now]) => now.cents - before.cents))
 */
export function pairwise<K, V>(
  name: string,
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, readonly [NonNullable<V>, NonNullable<V>]>> {
  type Value = NonNullable<V>
  return keyedVerb<K, V, readonly [Value, Value], KeyValueStore<never, Value>>({
    name,
    options: {},
    timed: false,
    store: (key, value) => keyValueStore(name, { key, value: value as never }),
    value: () => undefined,
    open:
      (task, out, store) =>
      ({ key, value, timestamp, headers }) => {
        if (value === null || value === undefined) return task.drop('null-value')
        const before = store.get(key)
        store.put(key, value, timestamp)
        if (before !== undefined) out({ key, value: [before.value, value], timestamp, headers })
      },
  })
}
