import type { Asked } from '../contract/node.ts'
import type { Change, StreamRecord } from '../contract/record.ts'
import type { KeyValueStore } from '../contract/store.ts'
import type { Emit, StoreSpec, Task } from '../contract/task.ts'
import { failed } from '../plan/failure.ts'
import type { Folding } from './kind.ts'

/**
 * Aggregates by key (Kafka Streams: `KStreamAggregate`, `KStreamReduce`): null keys and null values are dropped; the result's time is the later of the
 * record's and the row's; a null result deletes the row, and the next value begins with `init()` again.
 */
export function aggregateByKey<K, V, R>(
  task: Task,
  out: Emit<Change<K, R>>,
  asked: Asked,
  spec: StoreSpec<KeyValueStore<K, R>>,
  fold: Folding<K, V, R>,
): Emit<StreamRecord<K, V>> {
  const store = task.store(spec)
  const fail = failed(task, fold.label, fold.options.onError)
  return record => {
    const { key, value } = record
    if (key === null) return task.drop('null-key')
    if (value === null) return task.drop('null-value')
    const row = store.get(key)
    let old: R | null
    let sum: R | null
    try {
      old = row === undefined ? fold.init() : row.value
      sum = fold.add(value, old, record) ?? null
    } catch (thrown) {
      return fail(thrown)
    }
    const timestamp = row !== undefined && row.timestamp > record.timestamp ? row.timestamp : record.timestamp
    store.put(key, sum, sum === null ? record.timestamp : timestamp)
    out({ key, value: sum, previous: asked.previous ? old : undefined, timestamp, headers: record.headers, latest: true })
  }
}
