import type { Observable } from 'rxjs'
import { merge as rxMerge } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import { RiachoError } from '../errors.ts'
import { merged } from '../plan/mixed.ts'
import { makeNode } from '../plan/node.ts'
import { isStream, type KStream, Stream } from '../stream.ts'

/**
 * All records of all inputs, each input in its order, no order between them. It is partitioned by key if all inputs are.
 *
 * @example
 * merge(web, shops).pipe(count('orders-per-client'))
 */
export function merge<K, V>(...inputs: readonly KStream<K, V>[]): KStream<K, V>
export function merge<K, V>(...inputs: readonly Observable<StreamRecord<K, V>>[]): Observable<StreamRecord<K, V>>
export function merge<K, V>(...inputs: readonly Observable<StreamRecord<K, V>>[]): Observable<StreamRecord<K, V>> {
  const streams = (inputs as readonly unknown[]).filter(isStream)
  if (streams.length === 0) return rxMerge(...inputs)
  if (streams.length < inputs.length) throw new RiachoError('RIACHO_MIXED', 'merge: make all inputs Streams, or none')
  return mergeStreams(streams, 'merge') as unknown as Observable<StreamRecord<K, V>>
}

/** Draws the node of a merge. A serde is kept when all inputs have the same. Ends of streams count for nothing: nothing comes out of them. */
export function mergeStreams(streams: readonly Stream<unknown>[], label: string): Stream<unknown> {
  const parents = streams.map(stream => stream.node)
  const open = parents.filter(parent => parent.sink === undefined)
  return new Stream(
    makeNode({
      kind: 'merge',
      label,
      parents: Object.freeze(parents),
      key: merged(open.map(parent => parent.key)),
      value: merged(open.map(parent => parent.value)),
      partitioned: open.every(parent => parent.partitioned),
      open: (_task, out) => parents.map(() => out),
    }),
  )
}
