import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import { deadLettersOf, failed } from '../plan/failure.ts'
import { operator } from '../plan/operator.ts'
import type { MadeSerdes } from './map.ts'

/**
 * Makes any number of keys and values of each record. The stream is no longer partitioned by its key.
 *
 * @example
 * lines.pipe(flatMap(line => line.split(' ').map(word => [word, 1] as const), { key: text }))
 */
export function flatMap<K, V, K2, R>(
  f: (value: V, record: StreamRecord<K, V>) => Iterable<readonly [K2, R]>,
  options: MadeSerdes<K2, R> = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K2, R>> {
  return operator(
    () => ({ kind: 'step', label: 'flatMap', effect: 'rekeys', key: options.key, value: options.value, ...deadLettersOf(options.onError) }),
    (task, out) => {
      const fail = failed(task, 'flatMap', options.onError)
      return record => {
        let made: readonly (readonly [K2, R])[]
        try {
          made = [...f(record.value, record)]
        } catch (thrown) {
          return fail(thrown)
        }
        for (const [key, value] of made) out({ key, value, timestamp: record.timestamp, headers: record.headers })
      }
    },
  )
}
