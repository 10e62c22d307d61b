import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { KeyValueStore } from '../contract/store.ts'
import { checkWhole, keyedVerb } from '../plan/keyed.ts'
import { list } from '../serde/list.ts'
import { keyValueStore } from '../store/key-value.ts'

/**
 * Hands on the values of a key in lists of `size`, in the order in which they come (rxjs' `bufferCount`, by key), with the time and headers of the last one. Null keys and
 * values are dropped and counted. The store holds the list that fills, and logs it at each value: for large lists aggregate in windows. `name` names the store.
 *
 * @example
 * orders.pipe(rekey('by-client', order => order.client), bufferCount('ten-orders', 10))
 */
export function bufferCount<K, V>(
  name: string,
  size: number,
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, readonly NonNullable<V>[]>> {
  type Value = NonNullable<V>
  checkWhole(name, 'size', size)
  return keyedVerb<K, V, readonly Value[], KeyValueStore<never, readonly Value[]>>({
    name,
    options: {},
    timed: false,
    store: (key, value) => keyValueStore(name, { key, value: list(value) as never }),
    value: came => came && list(came),
    open:
      (task, out, store) =>
      ({ key, value, timestamp, headers }) => {
        if (value === null || value === undefined) return task.drop('null-value')
        const buffer = [...(store.get(key)?.value ?? []), value]
        if (buffer.length < size) return store.put(key, buffer, timestamp)
        store.put(key, null, timestamp)
        out({ key, value: buffer, timestamp, headers })
      },
  })
}
