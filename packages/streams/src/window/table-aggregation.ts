import type { Asked, OnError } from '../contract/node.ts'
import type { Change, StreamRecord } from '../contract/record.ts'
import type { KeyValueStore } from '../contract/store.ts'
import type { Emit, StoreSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { failed } from '../plan/failure.ts'

/** What one change of a table adds to a group and takes from it. */
export class DeltaValue<V> {
  readonly value: V | null
  readonly previous: V | null
  constructor(value: V | null, previous: V | null) {
    this.value = value
    this.previous = previous
  }
}

/** How an aggregation of a regrouped table goes on. `sum` null means that there is none. */
export interface TableFolding<K, V, R> {
  readonly label: string
  init(): R | null
  add(value: V, sum: R | null, key: K): R | null
  subtract(value: V, sum: R, key: K): R | null
  readonly onError?: OnError | undefined
}

/**
 * Aggregates the deltas of a regrouped table (Kafka Streams: `KTableAggregate`, `KTableReduce`): the old value is subtracted first, if there is one and a sum; then
 * the new one is added. A null key stops the task.
 */
export function aggregateTable<K, V, R>(
  task: Task,
  out: Emit<Change<K, R>>,
  asked: Asked,
  spec: StoreSpec<KeyValueStore<K, R>>,
  fold: TableFolding<K, V, R>,
): Emit<StreamRecord<K, DeltaValue<V>>> {
  const store = task.store(spec)
  const fail = failed(task, fold.label, fold.onError)
  return record => {
    const { key, value: delta } = record
    if (key === null)
      throw new RiachoError('RIACHO_PROCESSING', `'${fold.label}': a regrouped table has no null keys`, { place: { node: fold.label } })
    const row = store.get(key)
    const old = row === undefined ? null : row.value
    let sum: R | null = old
    try {
      if (delta.previous !== null && sum !== null) sum = fold.subtract(delta.previous, sum, key) ?? null
      if (delta.value !== null) sum = fold.add(delta.value, sum ?? fold.init(), key) ?? null
    } catch (thrown) {
      return fail(thrown)
    }
    const timestamp = row !== undefined && row.timestamp > record.timestamp ? row.timestamp : record.timestamp
    store.put(key, sum, sum === null ? record.timestamp : timestamp)
    out({ key, value: sum, previous: asked.previous ? old : undefined, timestamp, headers: record.headers, latest: true })
  }
}
