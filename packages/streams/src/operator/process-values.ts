import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { Emit } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { operator } from '../plan/operator.ts'
import { opened, type ProcessorOptions, processing } from '../processor/context.ts'
import type { Processor } from './process.ts'

/**
 * A processor of the user's own that keeps the key (Kafka Streams: `KStream.processValues`, `FixedKeyProcessor`): what it forwards is partitioned as what it is given. A
 * record that it forwards with another key than the one it was called with stops the task with `RIACHO_FIXED_KEY`; a punctuator forwards rows of its stores.
 *
 * @example
 * const seen = keyValueStore('seen', { key: text, value: int64 })
 * orders.pipe(
 *   processValues('number', context => {
 *     const store = context.store(seen)
 *     return record => {
 *       const n = (store.get(record.key)?.value ?? 0) + 1
 *       store.put(record.key, n, record.timestamp)
 *       context.forward({ ...record, value: n })
 *     }
 *   }, { stores: [seen] }),
 * )
 */
export function processValues<K, V, R>(
  name: string,
  processor: Processor<K, V, K, R>,
  options: ProcessorOptions & { readonly value?: Serde<R> } = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>> {
  const facts = processing(name, options)
  return operator(
    parent => ({ ...facts(parent), key: parent.key, value: options.value, partitioned: parent.partitioned }),
    (task, out) => {
      let current: StreamRecord<K, V> | undefined
      const forward = (record: StreamRecord<K, R>): void => {
        if (current !== undefined && current.key !== record.key) throw changed(name)
        out(record)
      }
      const run = opened(task, { name, options, forward: forward as Emit<never>, processor })
      return record => {
        current = record
        try {
          run(record)
        } finally {
          current = undefined
        }
      }
    },
  )
}

const changed = (name: string): RiachoError =>
  new RiachoError(
    'RIACHO_FIXED_KEY',
    `'${name}' forwards another key than it was called with: forward { ...record, value }, or use process`,
    {
      place: { node: name },
    },
  )
