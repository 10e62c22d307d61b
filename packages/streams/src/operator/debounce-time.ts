import type { OperatorFunction } from 'rxjs'
import { noHeaders, type StreamRecord } from '../contract/record.ts'
import { checkWhole, keyedVerb } from '../plan/keyed.ts'
import { timedStore } from '../store/key-value.ts'
import type { TimedStore } from '../store/timed.ts'

/**
 * Hands on the latest value of a key once no later one of that key has come for `duration` milliseconds of event time (rxjs' `debounceTime`, by key), with its own time
 * and without headers. Time goes on with the records of all keys, so nothing is handed on while no record comes. A record that is older than the one that waits is
 * left out. Null keys and values are dropped and counted. `name` names the store and its changelog.
 *
 * @example
 * orders.pipe(rekey('by-client', order => order.client), debounceTime('last-of-a-run', minutes(1)))
 */
export function debounceTime<K, V>(name: string, duration: number): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, NonNullable<V>>> {
  type Value = NonNullable<V>
  checkWhole(name, 'duration', duration)
  return keyedVerb<K, V, Value, TimedStore<never, Value>>({
    name,
    options: {},
    timed: true,
    store: (key, value) => timedStore(name, { key, value: value as never }),
    value: came => came,
    open: (task, out, store) => {
      const clock = task.streamTimeOf(name)
      return ({ key, value, timestamp, headers }) => {
        if (value === null || value === undefined) return task.drop('null-value')
        if (timestamp > clock.time) clock.time = timestamp
        const quiet = clock.time - duration
        for (let due = store.due(quiet); due !== undefined; due = store.due(quiet)) {
          const row = store.get(due)!
          store.put(due, null, clock.time)
          out({ key: due, value: row.value, timestamp: row.timestamp, headers: noHeaders })
        }
        const waiting = store.get(key)
        if (waiting !== undefined && waiting.timestamp > timestamp) return
        if (timestamp > quiet) store.put(key, value, timestamp)
        else out({ key, value, timestamp, headers })
      }
    },
  })
}
