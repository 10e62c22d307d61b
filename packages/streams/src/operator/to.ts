import type { Observable, OperatorFunction } from 'rxjs'
import type { OnError } from '../contract/node.ts'
import type { StreamRecord } from '../contract/record.ts'
import type { Serde, Serdes } from '../contract/serde.ts'
import type { ChosenPartition, Emit, SinkSpec } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { deadLettersOf } from '../plan/failure.ts'
import { said } from '../plan/mixed.ts'
import { makeNode } from '../plan/node.ts'
import { json } from '../serde/json.ts'
import { isStream, Stream } from '../stream.ts'

/** How a topic is written: serdes (default: the inherited ones, else JSON for values), partition, and what becomes of a record that cannot be written. */
export interface ToOptions<K, V> extends Partial<Serdes<NonNullable<K>, NonNullable<V>>> {
  /**
   * Chooses the partition, or lists partitions of which each gets the record; an empty list drops it, counted. Default, and where it answers undefined: murmur2 of the key's
   * bytes (windowed keys: of the inner key); without a key partitions in turn (Kafka Streams: `StreamPartitioner`).
   */
  readonly partition?: (record: StreamRecord<K, V>, partitions: number) => ChosenPartition
  /**
   * What becomes of a record whose key or value its serde refuses, for which the function of the topic or partition throws, or which has more bytes than
   * `limits.recordBytesMax`. A dead letter holds the record that it was made of. Failures of the broker are not of one record and never come here (Kafka Streams:
   * `ProductionExceptionHandler`). Default 'fail': the task stops.
   */
  readonly onError?: OnError
}

/**
 * Writes to a topic, or to the topic that a function chooses per record; those topics must exist. The end of a stream. Exists in plans only.
 *
 * @example
 * orders.pipe(filter(order => order.cents > 100_000), to('orders-large'))
 */
export function to<K, V>(
  topic: string | ((record: StreamRecord<K, V>) => string),
  options: ToOptions<NoInfer<K>, NoInfer<V>> = {},
): OperatorFunction<StreamRecord<K, V>, never> {
  return (source: Observable<StreamRecord<K, V>>): Observable<never> => {
    if (!isStream(source)) {
      throw new RiachoError(
        'RIACHO_PLAN_ONLY',
        `to(${typeof topic === 'string' ? `'${topic}'` : 'f'}) exists in plans only: subscribe to the Observable, or draw the operator on a Stream`,
      )
    }
    const parent = source.node
    const label = typeof topic === 'string' ? topic : 'to'
    const key = said(options.key ?? parent.key, label, 'key') as (Serde<unknown> & { readonly inner?: Serde<unknown> }) | undefined
    if (key === undefined)
      throw new RiachoError(
        'RIACHO_NO_SERDE',
        `'${label}' writes keys and nobody said how: give it { key: … }, or the operator that made the key`,
        { place: { node: label } },
      )
    const inner = key.inner
    const sink: SinkSpec = Object.freeze({
      topic: topic as SinkSpec['topic'],
      key,
      value: (said(options.value ?? parent.value, label, 'value') ?? json()) as Serde<unknown>,
      ...(inner !== undefined && { partitionKey: (windowed: unknown) => inner.encode((windowed as { key: unknown }).key) }),
      ...(options.partition && { partition: options.partition as NonNullable<SinkSpec['partition']> }),
      ...(options.onError && { onError: options.onError }),
    })
    return new Stream<never>(
      makeNode({
        kind: 'sink',
        label,
        parents: Object.freeze([parent]),
        sink,
        ...deadLettersOf(options.onError),
        open: task => [task.sender(sink) as Emit],
      }),
    )
  }
}
