import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { operator } from '../plan/operator.ts'
import { atOnce } from '../plan/promise.ts'

/** Serdes of what an operator makes: needed where it next meets a topic or a store. */
export interface MadeSerdes<K, V> extends ErrorOption {
  readonly key?: Serde<K>
  readonly value?: Serde<V>
}

/**
 * Makes a new key and value of each record. The stream is no longer partitioned by its key.
 *
 * @example
 * orders.pipe(map(order => [order.client, order.cents], { key: text }))
 */
export function map<K, V, K2, R>(
  f: (value: V, record: StreamRecord<K, V>) => readonly [K2, R],
  options: MadeSerdes<K2, R> = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K2, R>> {
  return operator(
    () => ({ kind: 'step', label: 'map', effect: 'rekeys', key: options.key, value: options.value, ...deadLettersOf(options.onError) }),
    (task, out, { strict }) => {
      const fail = failed(task, 'map', options.onError)
      const run = atOnce(f, task, 'map', strict)
      return record => {
        let made: readonly [K2, R]
        try {
          made = run(record.value, record)
        } catch (thrown) {
          return fail(thrown)
        }
        out({ key: made[0], value: made[1], timestamp: record.timestamp, headers: record.headers })
      }
    },
  )
}
