import type { Observable, OperatorFunction } from 'rxjs'
import type { Change, StreamRecord } from '../contract/record.ts'
import type { TableView } from '../contract/store.ts'
import type { Emit, Task } from '../contract/task.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { checkPartitioned } from '../plan/node.ts'
import { combined } from '../plan/operator.ts'
import { isStream } from '../stream.ts'
import { checkVersioned, type GraceOptions, type NoGrace, waiting, waitingOf } from './grace.ts'
import { checkTable } from './table-side.ts'

/** Options of a join of a stream with a table: its records may wait for rows that come late. */
export type StreamTableOptions<K = never, V = never> = ErrorOption & (GraceOptions<K, V> | NoGrace)

/** Makes the joined value; `row` is null only in a left join. */
export type StreamTableJoiner<K, V, T, R> = (value: V, row: T, record: StreamRecord<K, V>) => R

/**
 * Draws or runs a join of a stream with a table (Kafka Streams: `KStreamKTableJoinProcessor`): each record meets the row of its key as it is now, or, of a table that
 * keeps a history, as it was at the record's time. Changes of the table hand on nothing. Throws `RIACHO_NOT_PARTITIONED`, `RIACHO_NOT_A_PLAN`, `RIACHO_MIXED`; with a
 * grace `RIACHO_OPTION`, `RIACHO_NAME`, `RIACHO_NO_SERDE`.
 */
export function streamTableJoin<K, V, T, R>(
  label: 'join' | 'leftJoin',
  table: Observable<Change<K, T>>,
  f: StreamTableJoiner<K, V, T | null, R>,
  options: StreamTableOptions<unknown, unknown>,
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>> {
  const left = label === 'leftJoin'
  return source => {
    const wait = waitingOf<K, V>(options as StreamTableOptions<K, V>, isStream(source) ? source.node : undefined, label)
    return combined<StreamRecord<K, R>>(
      [source, table],
      ([stream, side]) => {
        checkPartitioned(stream!, label)
        checkTable(side!, label)
        if (wait !== undefined) checkVersioned(side!, label)
        return {
          kind: 'join',
          label,
          key: stream!.key,
          partitioned: true,
          keyed: true,
          takesNullKeys: left,
          wishes: Object.freeze([{ of: 1, view: true }]),
          ...(wait !== undefined && { stores: Object.freeze([wait.spec]), timed: true }),
          ...deadLettersOf(options.onError),
        }
      },
      (task, out, asked) => {
        const meet = opened(task, out, asked.view(1) as TableView<K, T>, label, f, options)
        return [present(task, left, wait === undefined ? meet : waiting(wait, label, task, asked, meet)), () => {}]
      },
      { views: [1], join: true, ...(wait !== undefined && { history: wait.grace }) },
    )
  }
}

/** Leaves out what cannot meet a row. */
function present<K, V>(task: Task, left: boolean, out: Emit<StreamRecord<K, V>>): Emit<StreamRecord<K, V>> {
  return record => {
    if (record.value === null) task.drop('null-value')
    else if (record.key === null && !left) task.drop('null-key')
    else out(record)
  }
}

function opened<K, V, T, R>(
  task: Task,
  out: Emit<StreamRecord<K, R>>,
  rows: TableView<K, T>,
  label: string,
  f: StreamTableJoiner<K, V, T | null, R>,
  options: ErrorOption,
): Emit<StreamRecord<K, V>> {
  const left = label === 'leftJoin'
  const fail = failed(task, label, options.onError)
  const asOf = rows.asOf?.bind(rows)
  return record => {
    const { key, value: from, timestamp, headers } = record
    const row = key === null ? undefined : asOf === undefined ? rows.get(key) : asOf(key, timestamp)
    if (row === undefined && !left) return
    let value: R
    try {
      value = f(from, row === undefined ? null : row.value, record)
    } catch (thrown) {
      return fail(thrown)
    }
    out({ key, value, timestamp, headers })
  }
}
