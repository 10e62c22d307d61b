import type { OperatorFunction } from 'rxjs'
import type { Asked } from '../contract/node.ts'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { Emit, Task } from '../contract/task.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { operator } from '../plan/operator.ts'
import { atOnce } from '../plan/promise.ts'
import { text } from '../serde/text.ts'

/**
 * Gives each record a new key; value, time and headers stay. The stream is no longer partitioned by its key: `repartition` moves the data.
 *
 * @example
 * orders.pipe(selectKey(order => order.client), repartition('by-client'))
 */
export function selectKey<K, V, K2 extends string | null>(
  f: (value: V, record: StreamRecord<K, V>) => K2,
  options?: ErrorOption & { readonly key?: Serde<NonNullable<K2>> },
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K2, V>>
export function selectKey<K, V, K2>(
  f: (value: V, record: StreamRecord<K, V>) => K2,
  options: ErrorOption & { readonly key: Serde<NonNullable<K2>> },
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K2, V>>
export function selectKey<K, V, K2>(
  f: (value: V, record: StreamRecord<K, V>) => K2,
  options: ErrorOption & { readonly key?: Serde<NonNullable<K2>> } = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K2, V>> {
  return operator(
    parent => ({
      kind: 'step',
      label: 'selectKey',
      effect: 'rekeys',
      key: options.key ?? text,
      value: parent.value,
      ...deadLettersOf(options.onError),
    }),
    (task, out, asked) => keyed(task, out, asked, 'selectKey', f, options),
  )
}

/** The behaviour of `selectKey` and of the first half of `rekey`. */
export function keyed<K, V, K2>(
  task: Task,
  out: Emit<StreamRecord<K2, V>>,
  { strict }: Asked,
  label: string,
  f: (value: V, record: StreamRecord<K, V>) => K2,
  options: ErrorOption,
): Emit<StreamRecord<K, V>> {
  const fail = failed(task, label, options.onError)
  const run = atOnce(f, task, label, strict)
  return record => {
    let key: K2
    try {
      key = run(record.value, record)
    } catch (thrown) {
      return fail(thrown)
    }
    out({ key, value: record.value, timestamp: record.timestamp, headers: record.headers })
  }
}
