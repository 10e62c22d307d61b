import type { OnError } from '../contract/node.ts'
import type { Source } from '../contract/source.ts'
import { deadLettersOf } from '../plan/failure.ts'
import { checkName, makeNode } from '../plan/node.ts'
import { type KStream, Stream } from '../stream.ts'

/**
 * Reads an external system through a connector. Its positions are kept in `<application>-<name>-positions`, inside the commit. Bytes that the connector's serdes
 * refuse, and records without a value, are treated as those of a topic.
 *
 * @example
 * const lines = source(file({ path: 'events.txt', value: json<unknown>() }), { onError: { deadLetter: 'events-invalid' } })
 */
export function source<K, V>(from: Source<K, V>, options: { readonly onError?: OnError } = {}): KStream<K, V> {
  checkName(from.name, 'source')
  return new Stream(
    makeNode({
      kind: 'source',
      label: from.name,
      parents: [],
      key: from.key,
      value: from.value,
      partitioned: from.keyed,
      source: Object.freeze({
        topics: [],
        connector: from as Source<unknown, unknown>,
        key: from.key,
        value: from.value,
        invalidTimestamp: 'fail',
        onError: options.onError ?? 'fail',
        nulls: 'drop',
      }),
      ...deadLettersOf(options.onError),
      open: (_task, out) => [out],
    }),
  )
}
