import type { OperatorFunction } from 'rxjs'
import { type AsyncOptions, gateOf, stageFacts } from '../async/options.ts'
import { stage } from '../async/stage.ts'
import type { StreamRecord } from '../contract/record.ts'
import type { Sink } from '../contract/sink.ts'
import { operator, passing } from '../plan/operator.ts'

/**
 * Writes to an external system and hands each record on once it is durable. Null values reach the sink as deletes. Bounded, batched and retried; the records of a
 * key are written in their order. After a failure a record may be written again, so the sink should be idempotent.
 *
 * @example
 * orders.pipe(persist(sqlite({ path: 'orders.db', table: 'orders', key: ['id'], columns, row: order => order }), { retry: { retriesMax: 5 } }))
 */
export function persist<K, V>(
  sink: Sink<NoInfer<K>, NoInfer<NonNullable<V>>>,
  options: AsyncOptions = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, V>> {
  const label = sink.name
  const gate = gateOf(options)
  return operator(
    parent => ({ ...passing(label)(parent), ...stageFacts(parent, label, options, sink.idempotent) }),
    (task, out, asked) =>
      stage<StreamRecord<K, V>, StreamRecord<K, V>>(
        task,
        out,
        label,
        asked,
        { batch: { recordsMax: 500, wait: 20 }, ...options },
        {
          open: () => sink.open?.() ?? Promise.resolve(),
          run: async (batch, signal, tried, places) => {
            await sink.write(tried as readonly StreamRecord<K, NonNullable<V> | null>[], signal, places)
            return batch
          },
          written: record => record,
          close: () => sink.close?.() ?? Promise.resolve(),
        },
        gate,
      ),
  )
}
