import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { KeyValueStore } from '../contract/store.ts'
import { checkWhole, keyedVerb } from '../plan/keyed.ts'
import { text } from '../serde/text.ts'
import { keyValueStore } from '../store/key-value.ts'

/**
 * Hands on a record of a key, then none of that key for `duration` milliseconds of event time (rxjs' `throttleTime`, by key). A record more than `duration` behind the
 * operator's time passes, because what it would be held against may be forgotten. Null keys are dropped and counted. `name` names the store and its changelog.
 *
 * @example
 * orders.pipe(rekey('by-client', order => order.client), throttleTime('one-a-minute', minutes(1)))
 */
export function throttleTime<K, V>(name: string, duration: number): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, V>> {
  checkWhole(name, 'duration', duration)
  return keyedVerb<K, V, V, KeyValueStore<never, string>>({
    name,
    options: {},
    timed: true,
    store: key => keyValueStore(name, { key, value: text, ttl: duration }),
    value: came => came,
    open: (task, out, store) => {
      const clock = task.streamTimeOf(name)
      return record => {
        const { key, timestamp } = record
        if (timestamp > clock.time) clock.time = timestamp
        const last = store.get(key)
        if (last !== undefined && timestamp < last.timestamp + duration) return
        if (timestamp > clock.time - duration) store.put(key, '', timestamp)
        out(record)
      }
    },
  })
}
