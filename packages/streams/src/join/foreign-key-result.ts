import type { Change, StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { KeyValueStore, TableView } from '../contract/store.ts'
import type { Emit, Task } from '../contract/task.ts'
import { failed } from '../plan/failure.ts'
import type { Answer } from '../wire/foreign-key.ts'
import { hasherOf } from './foreign-key-subscribe.ts'

/** What makes results of answers. */
export interface ResultSide<K, V, T, R> {
  readonly name: string
  /** Rows whose foreign key has no row have results, too. */
  readonly left: boolean
  readonly f: (value: V, row: T | null) => R | null
  readonly value: Serde<V>
  /** The left table. */
  readonly rows: TableView<K, V>
  /** Where results are kept, if they are. */
  readonly store: KeyValueStore<K, R> | undefined
  /** Somebody downstream needs the result before. */
  readonly previous: boolean
}

/**
 * Joins answers with the rows that they are for (Kafka Streams: `ResponseJoinProcessorSupplier`, `KTableSource`). One for a row that has changed since is dropped: the
 * row as it is now has asked anew.
 */
export function joining<K, V, T, R>(
  task: Task,
  out: Emit<Change<K, R>>,
  { name, left, f, value: valueSerde, rows, store, previous }: ResultSide<K, V, T, R>,
): Emit<StreamRecord<K, Answer<T>>> {
  const fail = failed(task, name)
  const hashOf = hasherOf(task, name, valueSerde)
  return ({ key, value: answer, timestamp, headers }) => {
    const row = rows.get(key)
    if (answer.hash !== (row === undefined ? null : hashOf(row.value))) return task.drop('outdated')
    let value: R | null = null
    if (row !== undefined && (left || answer.value !== null)) {
      try {
        value = f(row.value, answer.value) ?? null
      } catch (thrown) {
        return fail(thrown)
      }
    }
    const before = previous ? (store?.get(key)?.value ?? null) : undefined
    store?.put(key, value, timestamp)
    out({ key, value, previous: before, timestamp, headers, latest: true })
  }
}
