import type { Change } from '../contract/record.ts'
import type { Emit } from '../contract/task.ts'
import { deadLettersOf } from '../plan/failure.ts'
import { makeNode } from '../plan/node.ts'
import { keyValueStore } from '../store/key-value.ts'
import { type KTable, Stream } from '../stream.ts'
import { sourceRows } from '../table/source-rows.ts'
import { sourceFacts, type TopicOptions } from './topic.ts'

/**
 * Reads a topic as a table (Kafka Streams: `KTableSource`): the last record of a key by offset is its row, a null value deletes it, a null key is dropped and
 * counted. It has a store if `store` names one, or if somebody downstream needs its rows.
 *
 * @example
 * const clients = table('clients', { key: text, value: json<Client>() })
 */
export function table<K, V>(name: string, options: TopicOptions<K, V> & { readonly store?: string }): KTable<K, V> {
  const source = sourceFacts(name, options, 'keep')
  const spec = keyValueStore<K, V>(options.store ?? name, options)
  return new Stream(
    makeNode({
      kind: 'table',
      label: name,
      parents: [],
      key: source.key,
      value: source.value,
      partitioned: true,
      source,
      ...(options.store === undefined ? { table: 'lazy', storesWhenKept: [spec] } : { table: 'kept', stores: [spec] }),
      ...deadLettersOf(options.onError),
      open: (task, out, asked) => {
        const store = options.store !== undefined || asked.kept ? task.store(spec) : undefined
        return [sourceRows(task, out as Emit<Change<K, V>>, asked, store) as Emit]
      },
      view: task => task.store(spec),
    }),
  )
}
