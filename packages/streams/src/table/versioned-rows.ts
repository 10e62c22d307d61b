import type { Asked } from '../contract/node.ts'
import type { Change, StreamRecord } from '../contract/record.ts'
import type { TableView, VersionedStore } from '../contract/store.ts'
import type { Emit, StoreSpec, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import type { NodeSpec } from '../plan/node.ts'

/** Throws `RIACHO_OPTION` when a table that keeps a history shall keep headers too. */
export function checkHistory(label: string, headers: boolean | undefined): void {
  if (headers !== true) return
  throw new RiachoError(
    'RIACHO_OPTION',
    `'${label}' keeps a history, which holds no headers: leave { headers } or { historyRetention } out`,
  )
}

/** Facts of a table that keeps a history of its rows in this store. */
export const versionedFacts = <K, V>(
  spec: StoreSpec<VersionedStore<K, V>>,
): Pick<NodeSpec, 'table' | 'versioned' | 'timed' | 'stores' | 'view'> => ({
  table: 'kept',
  versioned: true,
  timed: true,
  stores: Object.freeze([spec]),
  view: task => task.store(spec) as TableView<never, unknown>,
})

/**
 * Takes records as changes of a table that keeps a history (Kafka Streams: `KTableSource`, KIP-914): the one with the greatest timestamp is the row. One that comes out of
 * order says that it is not the latest; what is older than the history is not handed on.
 */
export function versionedRows<K, V>(
  task: Task,
  out: Emit<Change<K, V>>,
  asked: Asked,
  store: VersionedStore<K, V>,
): Emit<StreamRecord<K, V | null>> {
  return ({ key, value, timestamp, headers }) => {
    if (key === null) return task.drop('null-key')
    const previous = asked.previous ? (store.get(key)?.value ?? null) : undefined
    const put = store.put(key, value, timestamp)
    if (put !== 'expired') out({ key, value, previous, timestamp, headers, latest: put === 'latest' })
  }
}
