import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { Emit } from '../contract/task.ts'
import { operator } from '../plan/operator.ts'
import { type ForwardedSerdes, opened, type ProcessingContext, type ProcessorOptions, processing } from '../processor/context.ts'

/** What a processor may do (Kafka Streams: `ProcessorContext`). */
export interface ProcessContext<K, V> extends ProcessingContext {
  /** Hands a record on, at once and depth first. */
  forward(record: StreamRecord<K, V>): void
}

/** Made once per task; what it returns is called for each record. */
export type Processor<K, V, K2, R> = (context: ProcessContext<K2, R>) => (record: StreamRecord<K, V>) => void

/** What a processor uses, and the serdes of what it forwards. */
export type ProcessOptions<K, V> = ProcessorOptions & ForwardedSerdes<K, V>

/**
 * A processor of the user's own (Kafka Streams: `KStream.process`). With stores it needs a stream that is partitioned by its key, unless `keyed: false`; what it forwards
 * is not. Stores are shared by all processors that name the same spec. `processValues` keeps the key, `processInto` has several outputs.
 *
 * @example
 * orders.pipe(process('halve', context => record => context.forward({ ...record, value: record.value / 2 }), { key: text }))
 */
export function process<K, V, K2, R>(
  name: string,
  processor: Processor<K, V, K2, R>,
  options: ProcessOptions<K2, R> = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K2, R>> {
  const facts = processing(name, options)
  return operator(
    parent => ({ ...facts(parent), key: options.key, value: options.value }),
    (task, out) => opened(task, { name, options, forward: out as Emit<never>, processor }),
  )
}
