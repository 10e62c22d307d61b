import type { GlobalCopy, GlobalFacts } from '../contract/node.ts'
import type { Serde } from '../contract/serde.ts'
import type { TableView } from '../contract/store.ts'
import { RiachoError } from '../errors.ts'
import { checkName } from '../plan/node.ts'
import { keyValueStore } from '../store/key-value.ts'
import { versionedStore } from '../store/versioned.ts'
import { sourceFacts, type TopicOptions } from './topic.ts'

declare const rows: unique symbol
declare const history: unique symbol

/** A table that every instance of the application holds whole. It is read by key, with `lookup`, `leftLookup` or in a processor; its updates start nothing. */
export interface GlobalTable<K, V> {
  /** Its topic. */
  readonly name: string
  /** What a plan knows of it. */
  readonly facts: GlobalFacts
  readonly [rows]?: readonly [K, V]
}

/** A global table that also knows how its rows were. */
export interface GlobalHistory<K, V> extends GlobalTable<K, V> {
  readonly [history]: true
}

/** How a global table is read. Dead letters of it do not exist: every instance would write them. */
export interface GlobalTableOptions<K, V> extends Omit<TopicOptions<K, V>, 'onError' | 'offsetReset'> {
  /** Name of its store. Default: the topic. */
  readonly store?: string
  /** What bytes that their serde refuses do. Default 'fail': the application stops. */
  readonly onError?: 'fail' | 'skip'
  /** Milliseconds of event time for which it knows how rows were: for `asOf`. */
  readonly historyRetention?: number
}

/**
 * Reads all partitions of a topic into every instance of the application (Kafka Streams: `StreamsBuilder.globalTable`), so that it can be joined by any key without
 * moving data. An instance processes nothing before its copy has reached the topic's end; from then on the copy follows, with no relation in time to the streams. The
 * last record of a key by offset is its row, a null value deletes it, a null key is dropped and counted. It has no changelog. Exists in plans only.
 *
 * @example
 * const prices = globalTable('prices', { key: text, value: json<{ cents: number }>() })
 */
export function globalTable<K, V>(
  name: string,
  options: GlobalTableOptions<K, V> & { readonly historyRetention: number },
): GlobalHistory<K, V>
export function globalTable<K, V>(name: string, options: GlobalTableOptions<K, V>): GlobalTable<K, V>
export function globalTable<K, V>(name: string, options: GlobalTableOptions<K, V>): GlobalTable<K, V> {
  if (typeof options.onError === 'object')
    throw new RiachoError(
      'RIACHO_OPTION',
      `globalTable '${name}': every instance would write its dead letters: onError is 'fail' or 'skip'`,
    )
  // Kafka Streams asks no extractor here, so nobody refuses a time.
  const invalid = options.timestamp === undefined && options.maxFutureSkew === undefined ? 'keep' : undefined
  const source = sourceFacts(name, options, 'keep', invalid)
  return Object.freeze({ name, facts: Object.freeze({ source, ...copied(options.store ?? name, options) }) })
}

/** The store of a global table, and how a copy of it is made. */
function copied<K, V>(name: string, { key, value, historyRetention }: GlobalTableOptions<K, V>): Omit<GlobalFacts, 'source'> {
  checkName(name, 'store')
  const serdes = { key: key as Serde<unknown>, value: value as Serde<unknown> }
  if (historyRetention !== undefined) {
    const spec = versionedStore(name, { ...serdes, historyRetention })
    return { store: Object.freeze({ ...spec, logged: false }), open: task => opened(spec.create(task)) }
  }
  const spec = keyValueStore(name, serdes)
  return { store: Object.freeze({ ...spec, logged: false }), open: task => opened(spec.create(task)) }
}

function opened(store: GlobalCopy['store'] & TableView<unknown, unknown> & Pick<GlobalCopy, 'put'>): GlobalCopy {
  return { store, view: store, put: (key, value, timestamp) => store.put(key, value, timestamp) }
}
