import type { Observable, OperatorFunction } from 'rxjs'
import type { Change, StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import { keyOf, plainKey } from '../plan/keyed.ts'
import { said } from '../plan/mixed.ts'
import { checkPartitioned } from '../plan/node.ts'
import { operator } from '../plan/operator.ts'
import { json } from '../serde/json.ts'
import { keyValueStore } from '../store/key-value.ts'
import { isStream } from '../stream.ts'
import { sourceRows } from '../table/source-rows.ts'

/** Options of `toTable`: the serdes of its rows are those of the stream unless said. */
export interface ToTableOptions<K, V> {
  /** The name of its store and changelog. A table whose rows somebody reads needs one. */
  readonly store?: string
  readonly key?: Serde<K>
  readonly value?: Serde<V>
}

/**
 * Takes the records of a stream as changes of a table: the last one of a key by offset is its row, null deletes it, null keys are dropped and counted (Kafka Streams:
 * `KStream.toTable`). The stream is partitioned by its key.
 *
 * @example
 * orders.pipe(rekey('by-client', order => order.client), toTable({ store: 'last-orders' }), filterTable(order => order.cents > 100))
 */
export function toTable<K, V>(
  options: ToTableOptions<NonNullable<NoInfer<K>>, NonNullable<NoInfer<V>>> = {},
): OperatorFunction<StreamRecord<K, V>, Change<NonNullable<K>, NonNullable<V>>> {
  type Rows = ReturnType<typeof keyValueStore<NonNullable<K>, NonNullable<V>>>
  const label = options.store ?? 'toTable'
  return (source: Observable<StreamRecord<K, V>>) => {
    const parent = isStream(source) ? source.node : undefined
    const value = (options.value ?? parent?.value) as Serde<unknown> | undefined
    const key = (): Serde<unknown> => (options.key as Serde<unknown>) ?? (parent === undefined ? plainKey : keyOf(parent, label))
    const spec: Rows | undefined =
      options.store === undefined && parent !== undefined
        ? undefined
        : (keyValueStore(label, { key: key(), value: said(value, label, 'value') ?? json() }) as unknown as Rows)
    return operator<StreamRecord<K, V>, Change<NonNullable<K>, NonNullable<V>>>(
      from => {
        checkPartitioned(from, label)
        return {
          kind: 'table',
          label,
          key: (options.key as Serde<unknown> | undefined) ?? from.key,
          value,
          partitioned: true,
          keyed: true,
          ...(spec === undefined ? { table: 'lazy' } : { table: 'kept', stores: Object.freeze([spec]), view: task => task.store(spec) }),
        }
      },
      (task, out, asked) => sourceRows(task, out, asked, spec && task.store(spec)) as never,
    )(source)
  }
}
