import type { OperatorFunction } from 'rxjs'
import { noHeaders, type StreamRecord } from '../contract/record.ts'
import { checkWhole, keyedVerb } from '../plan/keyed.ts'
import { list } from '../serde/list.ts'
import { timedStore } from '../store/key-value.ts'
import type { TimedStore } from '../store/timed.ts'

/**
 * Hands on the values of a key as a list, `span` milliseconds of event time after the first of them came (rxjs' `bufferTime`, by key), with the time of that end and
 * without headers. A value belongs to the list that is open when it comes, whatever its own time, so none is too late. Time goes on with the records of all keys. Null
 * keys and values are dropped and counted. The store holds the open lists, and logs one at each value. `name` names the store and its changelog.
 *
 * @example
 * orders.pipe(rekey('by-client', order => order.client), bufferTime('orders-of-a-minute', minutes(1)))
 */
export function bufferTime<K, V>(
  name: string,
  span: number,
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, readonly NonNullable<V>[]>> {
  type Value = NonNullable<V>
  checkWhole(name, 'span', span)
  return keyedVerb<K, V, readonly Value[], TimedStore<never, readonly Value[]>>({
    name,
    options: {},
    timed: true,
    store: (key, value) => timedStore(name, { key, value: list(value) as never }),
    value: came => came && list(came),
    open: (task, out, store) => {
      const clock = task.streamTimeOf(name)
      return ({ key, value, timestamp }) => {
        if (value === null || value === undefined) return task.drop('null-value')
        if (timestamp > clock.time) clock.time = timestamp
        const ended = clock.time - span
        for (let due = store.due(ended); due !== undefined; due = store.due(ended)) {
          const row = store.get(due)!
          store.put(due, null, clock.time)
          out({ key: due, value: row.value, timestamp: row.timestamp + span, headers: noHeaders })
        }
        const open = store.get(key)
        store.put(key, [...(open?.value ?? []), value], open?.timestamp ?? clock.time)
      }
    },
  })
}
