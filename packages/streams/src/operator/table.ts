import type { Change } from '../contract/record.ts'
import type { Emit } from '../contract/task.ts'
import { deadLettersOf } from '../plan/failure.ts'
import { makeNode } from '../plan/node.ts'
import { type CacheOption, checkCached, withCache } from '../store/cache.ts'
import { keyValueStore } from '../store/key-value.ts'
import { versionedStore } from '../store/versioned.ts'
import { type KTable, Stream } from '../stream.ts'
import { sourceRows } from '../table/source-rows.ts'
import { checkHistory, versionedFacts, versionedRows } from '../table/versioned-rows.ts'
import { sourceFacts, type TopicOptions } from './topic.ts'

/** Options of `table`. */
export interface TableOptions<K, V> extends TopicOptions<K, V>, CacheOption {
  /** True: rows keep the headers of their records, in the changelog too (KIP-1271). Default false: state has no headers. */
  readonly headers?: boolean
  /** Keeps the rows in a store of this name. Default: only if somebody needs them, in one named as the topic. */
  readonly store?: string
  /**
   * Milliseconds of event time for which the table knows how its rows were (KIP-889, KIP-914): then the record with the greatest timestamp is the row, not the last one
   * by offset, and streams meet the row of their records' time. Older records are dropped and counted.
   */
  readonly historyRetention?: number
}

/**
 * Reads a topic as a table (Kafka Streams: `KTableSource`): the last record of a key by offset is its row, a null value deletes it, a null key is dropped and
 * counted. It has a store if `store` names one, if it keeps a history, or if somebody downstream needs its rows.
 *
 * @example
 * const clients = table('clients', { key: text, value: json<Client>() })
 */
export function table<K, V>(name: string, options: TableOptions<K, V>): KTable<K, V> {
  const source = sourceFacts(name, options, 'keep')
  const facts = {
    kind: 'table',
    label: name,
    parents: [],
    key: source.key,
    value: source.value,
    partitioned: true,
    source,
    ...deadLettersOf(options.onError),
  } as const
  const { store: storeName = name, historyRetention, cache } = options
  checkCached(name, options.store, cache, historyRetention)
  if (historyRetention !== undefined) {
    checkHistory(name, options.headers)
    const spec = versionedStore<K, V>(storeName, { ...options, historyRetention })
    return new Stream(
      makeNode({
        ...facts,
        ...versionedFacts(spec),
        open: (task, out, asked) => [versionedRows(task, out as Emit<Change<K, V>>, asked, task.store(spec)) as Emit],
      }),
    )
  }
  const spec = withCache(keyValueStore<K, V>(storeName, options), source.key, cache)
  return new Stream(
    makeNode({
      ...facts,
      ...(options.store === undefined ? { table: 'lazy', storesWhenKept: [spec] } : { table: 'kept', stores: [spec] }),
      open: (task, out, asked) => {
        const store = options.store !== undefined || asked.kept ? task.store(spec) : undefined
        return [sourceRows(task, out as Emit<Change<K, V>>, asked, store) as Emit]
      },
      view: task => task.store(spec),
    }),
  )
}
