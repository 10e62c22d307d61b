import type { OperatorFunction } from 'rxjs'
import type { RepartitionFacts } from '../contract/node.ts'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { ChosenPartition } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { deadLettersOf, type ErrorOption } from '../plan/failure.ts'
import { said } from '../plan/mixed.ts'
import { checkName, type NodeSpec } from '../plan/node.ts'
import { operator } from '../plan/operator.ts'
import { json } from '../serde/json.ts'

/** The topic that moves data: its partitions (default: the most of any topic upstream) and the value's serde (default: the inherited one, else JSON). */
export interface RepartitionOptions<K, V> extends ErrorOption {
  readonly value?: Serde<NonNullable<V>>
  readonly partitions?: number
  /** Chooses the partition, as of `to`: equal keys must have the same one, and what is joined with it the same function. Default: murmur2 of the key's bytes. */
  readonly partition?: (record: StreamRecord<K, V>, partitions: number) => ChosenPartition
}

/**
 * Moves each record to the task of its key through the topic `<application>-<name>-repartition`, always. A null key is dropped there, as Kafka Streams does. In a plan that
 * is given to `optimize` it may share the topic of another repartition of the same stream, unless `merge: false`.
 *
 * @example
 * orders.pipe(selectKey(order => order.client), repartition('by-client'), count('orders-per-client'))
 */
export function repartition<K, V>(
  name: string,
  options: RepartitionOptions<NoInfer<K>, NoInfer<V>> & { readonly key?: Serde<NonNullable<NoInfer<K>>>; readonly merge?: boolean } = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, V>> {
  return operator(
    parent => {
      const facts = moving(name, { ...options, key: options.key ?? parent.key, value: options.value ?? parent.value }, false)
      if (options.merge === false || options.onError !== undefined) return facts
      return { ...facts, repartition: Object.freeze({ ...facts.repartition!, mergeable: true }) }
    },
    (_task, out) => out,
  )
}

/** How the topic of a node is written that moves data, whatever its records are. */
export interface Moving extends ErrorOption {
  readonly key: Serde<unknown> | undefined
  readonly value: Serde<unknown> | undefined
  readonly partitions?: number
  readonly partition?: (record: StreamRecord<never, never>, partitions: number) => ChosenPartition
}

/** The facts of a node that moves data through a topic. Throws `RIACHO_NO_SERDE`, `RIACHO_NAME`, `RIACHO_OPTION`. */
export function moving(
  name: string,
  { key, value, partitions, partition, onError }: Moving,
  optional: boolean,
): Omit<NodeSpec, 'parents' | 'open'> {
  checkName(name, 'repartition')
  said(key, name, 'key')
  said(value, name, 'value')
  if (key === undefined) {
    throw new RiachoError(
      'RIACHO_NO_SERDE',
      `'${name}' writes keys to a topic and nobody said how: give it { key: … }, or the operator that made the key`,
      { place: { node: name } },
    )
  }
  if (partitions !== undefined && !(Number.isSafeInteger(partitions) && partitions > 0)) {
    throw new RiachoError('RIACHO_OPTION', `'${name}': partitions is a whole number above 0, not ${partitions}`)
  }
  const moved: RepartitionFacts = Object.freeze({
    name,
    key,
    value: value ?? json(),
    optional,
    ...(partitions !== undefined && { partitions }),
    ...(partition && { partition: partition as NonNullable<RepartitionFacts['partition']> }),
    ...(onError && { onError }),
  })
  const facts = { label: name, key, value: moved.value, partitioned: true, repartition: moved, ...deadLettersOf(onError) }
  return { kind: 'rekey', ...facts }
}
