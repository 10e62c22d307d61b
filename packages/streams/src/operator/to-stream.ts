import type { OperatorFunction } from 'rxjs'
import type { Change, StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { operator, passing } from '../plan/operator.ts'
import { text } from '../serde/text.ts'

/** Options of `toStream`: a new key for the records, whose value is null when the row was deleted. */
export interface ToStreamOptions<K, V, K2> extends ErrorOption {
  readonly key: (value: V | null, key: K) => K2
  /** The serde of the new key. Default: text. */
  readonly serde?: Serde<NonNullable<K2>>
}

/**
 * The changes of a table as a stream: the new value of each, null for a deletion. With a new `key` the stream is no longer partitioned by its key.
 *
 * @example
 * orders.pipe(count('orders-per-client'), toStream(), to('counts', { value: int64 }))
 */
export function toStream<K, V>(): OperatorFunction<Change<K, V>, StreamRecord<K, V | null>>
export function toStream<K, V, K2 extends string | null>(
  options: ToStreamOptions<K, V, K2>,
): OperatorFunction<Change<K, V>, StreamRecord<K2, V | null>>
export function toStream<K, V, K2>(
  options: ToStreamOptions<K, V, K2> & { readonly serde: Serde<NonNullable<K2>> },
): OperatorFunction<Change<K, V>, StreamRecord<K2, V | null>>
export function toStream<K, V, K2>(options?: ToStreamOptions<K, V, K2>): OperatorFunction<Change<K, V>, StreamRecord<K | K2, V | null>> {
  if (options !== undefined) return rekeyed(options)
  return operator(
    passing('toStream'),
    (_task, out) =>
      ({ key, value, timestamp, headers }) =>
        out({ key, value, timestamp, headers }),
  )
}

function rekeyed<K, V, K2>(options: ToStreamOptions<K, V, K2>): OperatorFunction<Change<K, V>, StreamRecord<K2, V | null>> {
  return operator(
    parent => ({
      kind: 'step',
      label: 'toStream',
      effect: 'rekeys',
      key: options.serde ?? text,
      value: parent.value,
      ...deadLettersOf(options.onError),
    }),
    (task, out) => {
      const fail = failed(task, 'toStream', options.onError)
      return ({ key: from, value, timestamp, headers }) => {
        let key: K2
        try {
          key = options.key(value, from)
        } catch (thrown) {
          return fail(thrown)
        }
        out({ key, value, timestamp, headers })
      }
    },
  )
}
