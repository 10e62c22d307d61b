import type { OnError } from '../contract/node.ts'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { TableView } from '../contract/store.ts'
import type { Emit, Task } from '../contract/task.ts'
import { failed } from '../plan/failure.ts'
import type { Answer } from '../wire/foreign-key.ts'
import { hasherOf } from './foreign-key-subscribe.ts'

/** What makes results of answers. */
export interface ResultSide<K, V, T, R> {
  readonly name: string
  /** Rows whose foreign key has no row have results, too. */
  readonly left: boolean
  readonly f: (value: V, row: T | null, key: K) => R | null
  readonly onError: OnError | undefined
  readonly value: Serde<V>
}

/**
 * Joins answers with the rows of the left table that they are for (Kafka Streams: `ResponseJoinProcessorSupplier`). One for a row that has changed since is dropped: the
 * row as it is now has asked anew.
 */
export function joining<K, V, T, R>(
  task: Task,
  out: Emit<StreamRecord<K, R | null>>,
  rows: TableView<K, V>,
  { name, left, f, onError, value: valueSerde }: ResultSide<K, V, T, R>,
): Emit<StreamRecord<K, Answer<T>>> {
  const fail = failed(task, name, onError)
  const hashOf = hasherOf(task, name, valueSerde)
  return ({ key, value: answer, timestamp, headers }) => {
    const row = rows.get(key)
    if (answer.hash !== (row === undefined ? null : hashOf(row.value))) return task.drop('outdated')
    let value: R | null = null
    if (row !== undefined && (left || answer.value !== null)) {
      try {
        value = f(row.value, answer.value, key) ?? null
      } catch (thrown) {
        return fail(thrown)
      }
    }
    out({ key, value, timestamp, headers })
  }
}
