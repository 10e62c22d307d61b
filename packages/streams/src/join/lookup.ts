import type { OperatorFunction } from 'rxjs'
import type { OnError } from '../contract/node.ts'
import type { StreamRecord } from '../contract/record.ts'
import type { Row, TableView } from '../contract/store.ts'
import type { Emit, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import type { GlobalTable } from '../operator/global-table.ts'
import { deadLettersOf, type ErrorOption, failed, failureOf } from '../plan/failure.ts'
import { operator } from '../plan/operator.ts'
import { isStream } from '../stream.ts'

/** Answers something of a record that has a value. */
export type OfRecord<K, V, A> = (value: NonNullable<V>, record: StreamRecord<K, V>) => A

/** Makes the joined value; `row` is null only in a left lookup. */
export type LookupJoiner<K, V, W, R> = (value: NonNullable<V>, row: W, record: StreamRecord<K, V>) => R

/** What a lookup does with a record that meets no row. */
export interface LookupOptions extends ErrorOption {
  /** Default 'skip': it is dropped and counted as `no-match`, where Kafka Streams drops it and counts nothing. */
  readonly onMissing?: OnError
}

/** Asks for rows as they were. */
export interface AsOf<K, V> {
  /** A time, epoch milliseconds. Default: the latest row. */
  readonly asOf?: OfRecord<K, V, number>
}

/** A lookup as its operators say it. */
export interface Lookup<K, V, K2, W, R> {
  readonly label: 'lookup' | 'leftLookup'
  readonly table: GlobalTable<K2, W>
  readonly key: OfRecord<K, V, K2 | null>
  readonly join: LookupJoiner<K, V, W | null, R>
  readonly options: LookupOptions & AsOf<K, V>
}

/**
 * Draws a join of a stream with a global table (Kafka Streams: `KStreamGlobalKTableJoin`): each record meets the row of the key that it is asked for, whatever its own
 * key is. Throws `RIACHO_PLAN_ONLY`, `RIACHO_OPTION`.
 */
export function globalJoin<K, V, K2, W, R>(lookup: Lookup<K, V, K2, W, R>): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>> {
  const { label, table, options } = lookup
  const { facts } = table
  if (options.asOf !== undefined && facts.store.kind !== 'versioned')
    throw new RiachoError('RIACHO_OPTION', `${label}: asOf needs the history of '${table.name}': give globalTable { historyRetention: … }`)
  const letters = [deadLettersOf(options.onError), deadLettersOf(options.onMissing)].flatMap(each => each.deadLetters ?? [])
  return source => {
    if (!isStream(source))
      throw new RiachoError('RIACHO_PLAN_ONLY', `${label} exists in plans only: combine a plain Observable with a Map of your own`)
    return operator<StreamRecord<K, V>, StreamRecord<K, R>>(
      parent => ({
        // No 'join': one record makes one, so what is wrong with it later is put aside as it came.
        kind: 'step',
        label,
        key: parent.key,
        partitioned: parent.partitioned,
        takesNullKeys: label === 'leftLookup',
        globals: Object.freeze([facts]),
        ...(letters.length > 0 && { deadLetters: Object.freeze([...new Set(letters)]) }),
      }),
      (task, out) => opened(task, out, task.global(facts.store) as TableView<unknown, unknown> as TableView<K2, W>, lookup),
    )(source)
  }
}

function opened<K, V, K2, W, R>(
  task: Task,
  out: Emit<StreamRecord<K, R>>,
  rows: TableView<K2, W>,
  { label, table, key, join, options }: Lookup<K, V, K2, W, R>,
): Emit<StreamRecord<K, V>> {
  const left = label === 'leftLookup'
  const fail = failed(task, label, options.onError)
  const missed = missing(task, label, table.name, options.onMissing)
  const { asOf } = options
  return record => {
    const from = record.value
    if (from === null || from === undefined) return task.drop('null-value')
    let by: K2 | null
    let row: Row<W> | undefined
    try {
      by = key(from, record) ?? null
      if (by !== null) row = asOf === undefined ? rows.get(by) : rows.asOf!(by, asOf(from, record))
    } catch (thrown) {
      return fail(thrown)
    }
    if (row === undefined && !left) return by === null ? task.drop('null-key') : missed(by)
    let value: R
    try {
      value = join(from, row === undefined ? null : row.value, record)
    } catch (thrown) {
      return fail(thrown)
    }
    out({ key: record.key, value, timestamp: record.timestamp, headers: record.headers })
  }
}

/** What is done with a record whose key has no row. */
function missing(task: Task, label: string, table: string, onMissing: OnError = 'skip'): (key: unknown) => void {
  const what = (key: unknown): string => `'${table}' has no row with the key ${JSON.stringify(key)}`
  if (onMissing === 'skip') return () => task.drop('no-match')
  if (onMissing === 'fail') {
    return key => {
      throw failureOf(
        task,
        label,
        what(key),
        'write the row before the records that need it, or give the lookup an onMissing',
        'RIACHO_NO_MATCH',
      )
    }
  }
  const put = failed(task, label, onMissing, 'RIACHO_NO_MATCH')
  return key => put(what(key))
}
