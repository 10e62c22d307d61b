import type { Observable, OperatorFunction } from 'rxjs'
import type { Asked } from '../contract/node.ts'
import type { Change } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { KeyValueStore, Row, TableView } from '../contract/store.ts'
import type { Emit, Task } from '../contract/task.ts'
import { deadLettersOf, failed } from '../plan/failure.ts'
import { operator } from '../plan/operator.ts'
import { isStream } from '../stream.ts'
import { answering, computing, type ResultOptions, resultStore } from './result.ts'

/** What an operator makes of each row of a table. */
export interface RowChange<K, V, R> {
  readonly label: string
  /** The new row, null for none. Not called for deletions. */
  change(value: V, key: K): R | null
  /** The serde of its rows; `came`: of those that it reads. */
  value(came: Serde<unknown> | undefined): Serde<R> | undefined
  /** Wants old values where they cost nothing, to leave out changes from nothing to nothing. */
  readonly quiet: boolean
  readonly options: ResultOptions
}

/** Draws or runs an operator that changes the rows of a table one by one (Kafka Streams: `KTableFilter`, `KTableMapValues`). Throws `RIACHO_NAME`, `RIACHO_NO_SERDE`. */
export function changedTable<K, V, R>(a: RowChange<K, V, R>): OperatorFunction<Change<K, V>, Change<K, R>> {
  const { label, quiet, options } = a
  return (source: Observable<Change<K, V>>) => {
    const parent = isStream(source) ? source.node : undefined
    const value = a.value(parent?.value)
    const spec = resultStore<K, R>(source, label, options, value)
    const versioned = parent?.versioned === true
    return operator<Change<K, V>, Change<K, R>>(
      ({ key, partitioned }) => ({
        kind: 'step',
        label,
        key,
        value: value as Serde<unknown> | undefined,
        partitioned,
        ...answering(spec, (task, rows) => changedRows(rows(0) as TableView<K, V>, computing(task, label, options.onError, a.change))),
        ...(versioned && spec === undefined && { versioned }),
        ...(quiet && { wishes: Object.freeze([{ of: 0, previous: 'ifKept' } as const]) }),
        ...deadLettersOf(options.onError),
      }),
      // In a table ordered by time a deletion may come late: none is left out (KIP-914).
      (task, out, asked) => changing(a, quiet && !versioned, spec && task.store(spec), task, out, asked),
    )(source)
  }
}

function changing<K, V, R>(
  a: RowChange<K, V, R>,
  quiet: boolean,
  store: KeyValueStore<K, R> | undefined,
  task: Task,
  out: Emit<Change<K, R>>,
  asked: Asked,
): Emit<Change<K, V>> {
  const fail = failed(task, a.label, a.options.onError)
  const changed = (value: V | null, key: K): R | null => (value === null ? null : (a.change(value, key) ?? null))
  return ({ key, value: to, previous: from, timestamp, headers, latest }) => {
    let value: R | null
    let previous: R | null | undefined
    try {
      value = changed(to, key)
      if (asked.previous && store === undefined && from !== undefined) previous = changed(from, key)
    } catch (thrown) {
      return fail(thrown)
    }
    if (asked.previous && store !== undefined) previous = store.get(key)?.value ?? null
    if (quiet && value === null && previous === null) return
    store?.put(key, value, timestamp)
    out({ key, value, previous, timestamp, headers, latest: latest || store !== undefined })
  }
}

/** The rows of a table as the operator changes them; as of a time too, when the table keeps a history. */
function changedRows<K, V, R>(rows: TableView<K, V>, change: (value: V, key: K) => R | null): TableView<K, R> {
  const changed = (key: K, row: Row<V> | undefined): Row<R> | undefined => {
    const value = row === undefined ? null : (change(row.value, key) ?? null)
    return value === null ? undefined : { value, timestamp: row!.timestamp }
  }
  const get = (key: K): Row<R> | undefined => changed(key, rows.get(key))
  const asOf = rows.asOf?.bind(rows)
  return asOf === undefined ? { get } : { get, asOf: (key, timestamp) => changed(key, asOf(key, timestamp)) }
}
