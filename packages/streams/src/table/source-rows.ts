import type { Asked } from '../contract/node.ts'
import type { Change, StreamRecord } from '../contract/record.ts'
import type { KeyValueStore } from '../contract/store.ts'
import type { Emit, Task } from '../contract/task.ts'

/**
 * Takes records as changes of a table (Kafka Streams: `KTableSource`): the last one of a key by offset is its row, a null value deletes it, a null key is dropped
 * and counted. Without a store nobody knows the row before.
 */
export function sourceRows<K, V>(
  task: Task,
  out: Emit<Change<K, V>>,
  asked: Asked,
  store: KeyValueStore<K, V> | undefined,
): Emit<StreamRecord<K, V | null>> {
  return ({ key, value, timestamp, headers }) => {
    if (key === null) return task.drop('null-key')
    const previous = asked.previous ? (store?.get(key)?.value ?? null) : undefined
    store?.put(key, value, timestamp, headers)
    out({ key, value, previous, timestamp, headers, latest: true })
  }
}
