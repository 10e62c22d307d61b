import type { Source } from '../contract/source.ts'
import { deadLettersOf } from '../plan/failure.ts'
import { checkName, makeNode } from '../plan/node.ts'
import { type KStream, Stream } from '../stream.ts'
import { sourceFacts, type TopicOptions } from './topic.ts'

/**
 * Reads an external system through a connector. Its positions are kept in `<application>-<name>-positions`, inside the commit. Bytes that the connector's serdes
 * refuse, records without a value, and their times are treated as those of a topic.
 *
 * @example
 * const lines = source(file({ path: 'events.txt', value: json<unknown>() }), { onError: { deadLetter: 'events-invalid' } })
 */
export function source<K, V>(
  from: Source<K, V>,
  options: Pick<TopicOptions<K, V>, 'onError' | 'timestamp' | 'invalidTimestamp' | 'maxFutureSkew'> = {},
): KStream<K, V> {
  checkName(from.name, 'source')
  const facts = sourceFacts(from.name, { key: from.key, value: from.value, ...options }, 'drop')
  return new Stream(
    makeNode({
      kind: 'source',
      label: from.name,
      parents: [],
      key: from.key,
      value: from.value,
      partitioned: from.keyed,
      source: Object.freeze({ ...facts, topics: [], connector: from as Source<unknown, unknown> }),
      ...deadLettersOf(options.onError),
      open: (_task, out) => [out],
    }),
  )
}
