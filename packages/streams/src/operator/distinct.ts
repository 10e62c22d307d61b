import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { KeyValueStore } from '../contract/store.ts'
import { type ErrorOption, failed } from '../plan/failure.ts'
import { checkWhole, keyedVerb } from '../plan/keyed.ts'
import { compositeKey } from '../serde/composite-key.ts'
import { text } from '../serde/text.ts'
import { keyValueStore } from '../store/key-value.ts'

/** How long a value counts as seen. */
export interface DistinctOptions extends ErrorOption {
  /** Milliseconds of event time: a record is a repetition when one of the same identity is at most so much older, or younger. */
  readonly within: number
}

/**
 * Drops the repetitions of a key within a time (rxjs' `distinct`, with an end to its memory). Identity is what `by` answers, of records with the same key; only the first
 * counts, so repetitions do not prolong the time; of several firsts the latest is remembered. A record that comes so late that its first may be forgotten passes: nothing is lost. At least once, a repetition
 * may pass after a crash; exactly once, none does. Null keys are dropped and counted. `name` names the store and its changelog.
 *
 * @example
 * orders.pipe(rekey('by-client', order => order.client), distinct('first-orders', order => String(order.cents), { within: hours(1) }))
 */
export function distinct<K, V>(
  name: string,
  by: (value: V, record: StreamRecord<K, V>) => string,
  options: DistinctOptions,
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, V>> {
  const { within } = options
  checkWhole(name, 'within', within)
  return keyedVerb<K, V, V, KeyValueStore<{ readonly key: never; readonly id: string }, string>>({
    name,
    options,
    timed: true,
    store: (key: Serde<never>) => keyValueStore(name, { key: compositeKey({ key, id: text }), value: text, ttl: within + 1 }),
    value: came => came,
    open: (task, out, store) => {
      const clock = task.streamTimeOf(name)
      const fail = failed(task, name, options.onError)
      return record => {
        const { key, timestamp } = record
        let id: string
        try {
          id = by(record.value, record)
        } catch (thrown) {
          return fail(thrown)
        }
        if (timestamp > clock.time) clock.time = timestamp
        const first = { key, id }
        const seen = store.get(first)
        if (seen !== undefined && Math.abs(timestamp - seen.timestamp) <= within) return
        const remembered = seen === undefined ? clock.time - within : seen.timestamp
        if (timestamp >= remembered) store.put(first, '', timestamp)
        out(record)
      }
    },
  })
}
