import type { Observable, OperatorFunction } from 'rxjs'
import type { Change, StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { Emit } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { keyOf, plainKey } from '../plan/keyed.ts'
import { said } from '../plan/mixed.ts'
import { checkPartitioned } from '../plan/node.ts'
import { operator } from '../plan/operator.ts'
import { json } from '../serde/json.ts'
import { type CacheOption, checkCached, withCache } from '../store/cache.ts'
import { keyValueStore } from '../store/key-value.ts'
import { versionedStore } from '../store/versioned.ts'
import { isStream } from '../stream.ts'
import { sourceRows } from '../table/source-rows.ts'
import { checkHistory, versionedFacts, versionedRows } from '../table/versioned-rows.ts'

interface RowSerdes<K, V> {
  readonly key?: Serde<K>
  readonly value?: Serde<V>
}

interface RowStore extends CacheOption {
  /** The name of its store and changelog. A table whose rows somebody reads needs one. */
  readonly store?: string
  /** True: rows keep the headers of their records, in the changelog too (KIP-1271). Default false: state has no headers. */
  readonly headers?: boolean
  readonly historyRetention?: never
}

interface RowHistory extends CacheOption {
  readonly store: string
  /**
   * Milliseconds of event time for which the table knows how its rows were (KIP-889, KIP-914): then the record with the greatest timestamp is the row, and older ones
   * than that are dropped and counted.
   */
  readonly historyRetention: number
}

/** Options of `toTable`: the serdes of its rows are those of the stream unless said. */
export type ToTableOptions<K, V> = RowSerdes<K, V> & (RowStore | RowHistory)

/**
 * Takes the records of a stream as changes of a table: the last one of a key by offset is its row, null deletes it, null keys are dropped and counted (Kafka Streams:
 * `KStream.toTable`). The stream is partitioned by its key.
 *
 * @example
 * orders.pipe(rekey('by-client', order => order.client), toTable({ store: 'last-orders' }), filterTable(order => order.cents > 100))
 */
export function toTable<K, V>(
  options: ToTableOptions<NonNullable<NoInfer<K>>, NonNullable<NoInfer<V>>> = {},
): OperatorFunction<StreamRecord<K, V>, Change<NonNullable<K>, NonNullable<V>>> {
  type Rows = ReturnType<typeof keyValueStore<NonNullable<K>, NonNullable<V>>>
  const label = options.store ?? 'toTable'
  return (source: Observable<StreamRecord<K, V>>) => {
    const parent = isStream(source) ? source.node : undefined
    const value = (options.value ?? parent?.value) as Serde<unknown> | undefined
    const key = (): Serde<unknown> => (options.key as Serde<unknown>) ?? (parent === undefined ? plainKey : keyOf(parent, label))
    const serdes = () => ({ key: key(), value: said(value, label, 'value') ?? json() })
    const { historyRetention, cache } = options
    const headers = 'headers' in options && options.headers === true
    checkCached(label, options.store, cache, historyRetention)
    if (historyRetention !== undefined && options.store === undefined) throw unnamed()
    if (historyRetention !== undefined) checkHistory(label, headers)
    const history = historyRetention === undefined ? undefined : versionedStore(label, { ...serdes(), historyRetention })
    const lazy = history !== undefined || (options.store === undefined && parent !== undefined)
    const spec = lazy ? undefined : (withCache(keyValueStore(label, { ...serdes(), headers }), key(), cache) as unknown as Rows)
    return operator<StreamRecord<K, V>, Change<NonNullable<K>, NonNullable<V>>>(
      from => {
        checkPartitioned(from, label)
        return {
          kind: 'table',
          label,
          key: (options.key as Serde<unknown> | undefined) ?? from.key,
          value,
          partitioned: true,
          keyed: true,
          ...(spec === undefined ? { table: 'lazy' } : { table: 'kept', stores: Object.freeze([spec]), view: task => task.store(spec) }),
          ...(history !== undefined && versionedFacts(history)),
        }
      },
      (task, out, asked) =>
        history === undefined
          ? (sourceRows(task, out, asked, spec && task.store(spec)) as never)
          : (versionedRows(task, out as Emit, asked, task.store(history)) as never),
    )(source)
  }
}

const unnamed = (): RiachoError =>
  new RiachoError('RIACHO_OPTION', 'toTable: a table with a historyRetention keeps its rows in a store: give it { store: … }')
