import type { Asked } from '../contract/node.ts'
import type { Change, StreamRecord, Windowed } from '../contract/record.ts'
import type { KeyValueStore, WindowStore } from '../contract/store.ts'
import type { Emit, StoreSpec, Task } from '../contract/task.ts'
import { type ErrorOption, failed } from '../plan/failure.ts'
import type { Windows } from './windows.ts'

/** How an aggregation goes on: `sum` is null before the first value; returning null deletes the row. */
export interface Folding<K, V, R> {
  readonly label: string
  init(): R | null
  add(value: V, sum: R | null, record: StreamRecord<K, V>): R | null
  /** What downstream sees as the value before a key's first update: Kafka Streams gives what the initializer returned. */
  readonly options: ErrorOption
}

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

/**
 * Aggregates by key and window (Kafka Streams: `KStreamWindowAggregate`): null keys are dropped, null values are not; a record updates each window it is in,
 * oldest first, whose end + grace lies after the operator's stream time, and is dropped as late for each of the others.
 */
export function aggregateByWindow<K, V, R>(
  task: Task,
  out: Emit<Change<Windowed<K>, R>>,
  asked: Asked,
  spec: StoreSpec<WindowStore<K, R>>,
  windows: Windows,
  fold: Folding<K, V, R>,
): Emit<StreamRecord<K, V>> {
  const store = task.store(spec)
  const clock = task.streamTimeOf(fold.label)
  const fail = failed(task, fold.label, fold.options.onError)
  const { size, advance, grace } = windows
  return record => {
    const { key, timestamp: at } = record
    if (key === null) return task.drop('null-key')
    if (at > clock.time) clock.time = at
    const close = clock.time - grace
    const first = at - size + advance
    for (let start = first <= 0 ? 0 : first - (first % advance); start <= at; start += advance) {
      if (start + size <= close) {
        task.drop('late')
        continue
      }
      const row = store.get(key, start)
      let old: R | null
      let sum: R | null
      try {
        old = row === undefined ? fold.init() : row.value
        sum = fold.add(record.value, old, record) ?? null
      } catch (thrown) {
        fail(thrown)
        continue
      }
      const timestamp = row !== undefined && row.timestamp > at ? row.timestamp : at
      store.put(key, start, sum, sum === null ? at : timestamp)
      out({
        key: { key, start, end: start + size },
        value: sum,
        previous: asked.previous ? old : undefined,
        timestamp,
        headers: record.headers,
        latest: true,
      })
    }
  }
}
