import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { operator } from '../plan/operator.ts'
import { text } from '../serde/text.ts'
import { moving, type RepartitionOptions } from './repartition.ts'
import { keyed } from './select-key.ts'

/**
 * Selects a new key and moves the data to the task of that key: `selectKey` and `repartition` in one. The topic is left out of the plan when no keyed operator
 * follows. A key that is not a string says its serde.
 *
 * @example
 * orders.pipe(rekey('by-client', order => order.client), count('orders-per-client'))
 */
export function rekey<K, V, K2 extends string>(
  name: string,
  f: (value: V, record: StreamRecord<K, V>) => K2,
  options?: RepartitionOptions<NoInfer<K2>, NoInfer<V>> & { readonly key?: Serde<K2> },
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K2, V>>
export function rekey<K, V, K2>(
  name: string,
  f: (value: V, record: StreamRecord<K, V>) => K2,
  options: RepartitionOptions<NoInfer<K2>, NoInfer<V>> & { readonly key: Serde<NonNullable<K2>> },
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K2, V>>
export function rekey<K, V, K2>(
  name: string,
  f: (value: V, record: StreamRecord<K, V>) => K2,
  options: RepartitionOptions<NoInfer<K2>, NoInfer<V>> & { readonly key?: Serde<NonNullable<K2>> } = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K2, V>> {
  return operator(
    parent => moving(name, { ...options, key: options.key ?? text, value: options.value ?? parent.value }, true),
    (task, out, asked) => keyed(task, out, asked, name, f, options),
  )
}
